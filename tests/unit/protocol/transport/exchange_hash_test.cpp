#include "protocol/transport/exchange_hash.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/vector_file.h"

namespace gatehouse::transport {
namespace {

ExchangeHashInputs inputs_of(const test::VectorBlock& block, crypto::KexMethod method) {
  return {to_string(block.octets("client_identification")),
          to_string(block.octets("server_identification")),
          block.octets("client_kexinit"),
          block.octets("server_kexinit"),
          block.octets("host_key"),
          block.octets("client_share"),
          block.octets("server_share"),
          crypto::encode_shared_secret(method, SecretBytes::copy_of(block.octets("shared_secret")))};
}

class Rfc4253Section8ExchangeHash : public testing::TestWithParam<std::size_t> {
 protected:
  test::VectorBlock block = test::read_vector_blocks("transport/exchange_hash.txt").at(GetParam());
  crypto::KexMethod method = crypto::kex_method_by_name(block.text("method")).value();
};

TEST_P(Rfc4253Section8ExchangeHash, IsParamikos) {
  const auto hash = exchange_hash(method, inputs_of(block, method));
  ASSERT_TRUE(hash);
  EXPECT_EQ(hex(*hash), block.text("hash"));
}

TEST_P(Rfc4253Section8ExchangeHash, GivesParamikosKeys) {
  const ExchangeHashInputs inputs = inputs_of(block, method);
  const ByteVector hash = block.octets("hash");
  const ByteVector session_id = block.octets("session_id");
  Negotiated algorithms;
  algorithms.kex = method;
  algorithms.cipher_client_to_server = crypto::Cipher::aes256_ctr;
  algorithms.mac_client_to_server = crypto::Mac::hmac_sha2_256;
  algorithms.cipher_server_to_client = crypto::Cipher::chacha20_poly1305;
  const auto to_server = derive_keys(algorithms, Direction::client_to_server, inputs.shared_secret, hash, session_id);
  EXPECT_EQ(hex(to_server.iv.reveal()), block.text("key_A"));
  EXPECT_EQ(hex(to_server.key.reveal()), block.text("key_C"));
  EXPECT_EQ(hex(to_server.mac_key.reveal()), block.text("key_E"));
  const auto to_client = derive_keys(algorithms, Direction::server_to_client, inputs.shared_secret, hash, session_id);
  EXPECT_EQ(hex(to_client.key.reveal()), block.text("key_D")) << "longer than the digest: K1 || K2";
  EXPECT_EQ(to_client.mac_key.size(), 0U);

  algorithms.cipher_server_to_client = crypto::Cipher::aes256_gcm;
  const auto gcm = derive_keys(algorithms, Direction::server_to_client, inputs.shared_secret, hash, session_id);
  EXPECT_EQ(hex(gcm.iv.reveal()), block.text("key_B"));
  EXPECT_EQ(hex(gcm.key.reveal()), block.text("key_D").substr(0, 64));

  algorithms.cipher_server_to_client = crypto::Cipher::aes128_ctr;
  algorithms.mac_server_to_client = crypto::Mac::hmac_sha2_512_etm;
  const auto etm = derive_keys(algorithms, Direction::server_to_client, inputs.shared_secret, hash, session_id);
  EXPECT_EQ(hex(etm.key.reveal()), block.text("key_D").substr(0, 32));
  EXPECT_EQ(hex(etm.mac_key.reveal()), block.text("key_F"));
}

INSTANTIATE_TEST_SUITE_P(Vectors, Rfc4253Section8ExchangeHash, testing::Range<std::size_t>(0, 12));

TEST(Rfc4253Section8ExchangeHash, ChangesWithEachInput) {
  const test::VectorBlock block = test::read_vector_blocks("transport/exchange_hash.txt").at(0);
  const auto method = crypto::KexMethod::curve25519_sha256;
  const std::vector<std::function<void(ExchangeHashInputs&)>> changes = {
      [](ExchangeHashInputs& inputs) { inputs.client_identification += 'x'; },
      [](ExchangeHashInputs& inputs) { inputs.server_identification += 'x'; },
      [](ExchangeHashInputs& inputs) { inputs.client_kexinit[0] ^= 1; },
      [](ExchangeHashInputs& inputs) { inputs.server_kexinit[0] ^= 1; },
      [](ExchangeHashInputs& inputs) { inputs.host_key[0] ^= 1; },
      [](ExchangeHashInputs& inputs) { inputs.client_share[0] ^= 1; },
      [](ExchangeHashInputs& inputs) { inputs.server_share[0] ^= 1; },
      [](ExchangeHashInputs& inputs) { inputs.shared_secret.fill().back() ^= 1; },
      // An octet that moves from one field to the next must not go unseen.
      [](ExchangeHashInputs& inputs) {
        inputs.server_share.insert(inputs.server_share.begin(), inputs.client_share.back());
        inputs.client_share.pop_back();
      },
  };
  for (const auto& change : changes) {
    ExchangeHashInputs inputs = inputs_of(block, method);
    change(inputs);
    const auto hash = exchange_hash(method, inputs);
    ASSERT_TRUE(hash);
    EXPECT_NE(hex(*hash), block.text("hash"));
  }
}

TEST(Rfc4253Section8ExchangeHash, RefusesASecretThatIsNotOneMpint) {
  const test::VectorBlock block = test::read_vector_blocks("transport/exchange_hash.txt").at(0);
  const auto method = crypto::KexMethod::curve25519_sha256;
  for (const char* encoded : {"", "00", "00000001", "0000000101ff", "0000000180", "000000020001", "0000000200"}) {
    ExchangeHashInputs inputs = inputs_of(block, method);
    inputs.shared_secret = SecretBytes::copy_of(unhex(encoded).value());
    EXPECT_FALSE(exchange_hash(method, inputs)) << encoded;
  }
}

}  // namespace
}  // namespace gatehouse::transport
