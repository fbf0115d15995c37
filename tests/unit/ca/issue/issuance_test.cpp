#include "ca/issue/issuance.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/keys/private_key.h"

namespace gatehouse::ca {
namespace {

Order order(keys::CertificateType type) {
  Order order{
      "0123456789abcdef0123", keys::PrivateKey::generate(keys::KeyType::ed25519).public_key(), {}, {}, Proof::password, {}, {}, {}, {}};
  order.decision.role = "operator";
  order.decision.fields.type = type;
  order.decision.fields.principals = {type == keys::CertificateType::host ? "web1.example.org" : "alice"};
  order.requester.name = "alice";
  return order;
}

TEST(KeyId, NamesWhoAsWhatAndHowItWasProved) {
  EXPECT_EQ(key_id(order(keys::CertificateType::user)), "user=alice role=operator req=0123456789abcdef0123 proof=password");
  EXPECT_EQ(key_id(order(keys::CertificateType::host)),
            "host=web1.example.org role=operator req=0123456789abcdef0123 by=alice proof=password");
}

TEST(Serial, IsNeverZeroAndUsesAllBits) {
  std::uint64_t all = 0;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t serial = random_serial();
    EXPECT_NE(serial, 0U);
    all |= serial;
    seen.insert(serial);
  }
  EXPECT_EQ(all, ~std::uint64_t{0});
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(RequestId, IsTwentyHexadecimalDigits) {
  EXPECT_EQ(random_request_id().size(), 20U);
  EXPECT_NE(random_request_id(), random_request_id());
}

TEST(KeyUris, NamesEachUriOnce) {
  const KeyUris uris{{"a", "b"}, {"c"}, "d", "d"};
  EXPECT_EQ(uris.all(), (std::vector<std::string>{"a", "b", "c", "d"}));
}

}  // namespace
}  // namespace gatehouse::ca
