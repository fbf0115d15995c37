#include "ca/trust/revocation_list.h"

#include <gtest/gtest.h>

#include "protocol/keys/private_key.h"

namespace gatehouse::ca {
namespace {

using std::chrono::sys_seconds;
constexpr sys_seconds date{std::chrono::seconds(1'700'000'400)};

keys::Certificate certificate(keys::PrivateKey& ca, const keys::PublicKey& subject, std::uint64_t serial, std::string key_id) {
  keys::CertificateFields fields;
  fields.serial = serial;
  fields.key_id = std::move(key_id);
  fields.principals = {"alice"};
  fields.valid_before = 2'000'000'000;
  const auto body = keys::certificate_to_be_signed(subject, fields, ByteVector(32), ca.public_key());
  return *keys::Certificate::parse(keys::assemble_certificate(body, *ca.sign(keys::SignatureAlgorithm::ed25519, body)));
}

RevocationRow row_of_serial(std::uint64_t serial, Bytes ca_key) {
  RevocationRow row;
  row.kind = RevocationKind::serial;
  row.serial = serial;
  row.ca_key = to_vector(ca_key);
  return row;
}

class RevocationListTest : public testing::Test {
 protected:
  keys::PrivateKey ca_ = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::PrivateKey user_ = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::Revocation check(const std::vector<RevocationRow>& rows, std::uint64_t serial, const std::string& key_id) {
    return make_krl(rows, 7, date).check(certificate(ca_, user_.public_key(), serial, key_id));
  }
};

TEST_F(RevocationListTest, HoldsSerialsKeyIdsAndKeys) {
  RevocationRow by_id;
  by_id.kind = RevocationKind::key_id;
  by_id.key_id = "user=mallory";
  RevocationRow by_key;
  by_key.kind = RevocationKind::key;
  by_key.key = to_vector(user_.public_key().blob());
  const std::vector<RevocationRow> rows{row_of_serial(18446744073709551615U, ca_.public_key().blob()), by_id};
  EXPECT_EQ(check(rows, 18446744073709551615U, "user=alice"), keys::Revocation::serial);
  EXPECT_EQ(check(rows, 5, "user=mallory"), keys::Revocation::key_id);
  EXPECT_EQ(check(rows, 5, "user=alice"), keys::Revocation::none);
  EXPECT_EQ(check({by_key}, 5, "user=alice"), keys::Revocation::key);
  EXPECT_EQ(make_krl({{by_key}}, 7, date).check(user_.public_key()), keys::Revocation::key);
}

TEST_F(RevocationListTest, ForgetsWhatCanHitNothingValidAnyMore) {
  RevocationRow row = row_of_serial(5, ca_.public_key().blob());
  row.until = date + std::chrono::seconds(1);
  EXPECT_EQ(check({row}, 5, "user=alice"), keys::Revocation::serial);
  row.until = date;
  EXPECT_EQ(check({row}, 5, "user=alice"), keys::Revocation::none);
}

TEST_F(RevocationListTest, IsTheSameAtEveryNode) {
  const std::vector<RevocationRow> rows{row_of_serial(9, {}), row_of_serial(3, ca_.public_key().blob())};
  const auto octets = make_krl(rows, 7, date).write();
  EXPECT_EQ(octets, make_krl(rows, 7, date).write());
  const auto read = keys::Krl::parse(octets);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 7U);
  EXPECT_EQ(read->date, static_cast<std::uint64_t>(date.time_since_epoch().count()));
}

TEST(ResignTime, IsOnTheTenMinuteGridAndNotInTheFuture) {
  EXPECT_EQ(resign_time(date), date);
  EXPECT_EQ(resign_time(date + std::chrono::seconds(599)), date);
  EXPECT_EQ(resign_time(date + std::chrono::seconds(600)), date + std::chrono::seconds(600));
}

}  // namespace
}  // namespace gatehouse::ca
