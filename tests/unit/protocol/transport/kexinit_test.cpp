#include "protocol/transport/kexinit.h"

#include <gtest/gtest.h>

#include <functional>

#include "protocol/core/numbers.h"
#include "protocol/core/wire.h"
#include "tests/unit/vector_file.h"

namespace gatehouse::transport {
namespace {

ByteVector of_openssh(const std::string& side) { return test::read_vector_blocks("transport/kexinit.txt").at(0).octets(side); }

KexInit simple() {
  KexInit kexinit;
  kexinit.kex = {"curve25519-sha256"};
  kexinit.host_keys = {"ssh-ed25519"};
  kexinit.ciphers_client_to_server = kexinit.ciphers_server_to_client = {"aes128-ctr"};
  kexinit.macs_client_to_server = kexinit.macs_server_to_client = {"hmac-sha2-256"};
  kexinit.compressions_client_to_server = kexinit.compressions_server_to_client = {"none"};
  return kexinit;
}

/// A KEXINIT whose first list is `list`, as octets.
ByteVector with_list(Bytes list) {
  WireWriter writer;
  writer.byte(20).raw(ByteVector(16)).string(list);
  for (int i = 0; i < 9; ++i) writer.string("");
  return writer.boolean(false).uint32(0).take();
}

TEST(Rfc4253Section7Point1KexInit, OfOpenSshIsReadAndWrittenBackTheSame) {
  for (const char* side : {"client", "server"}) {
    const ByteVector payload = of_openssh(side);
    const auto parsed = parse_kexinit(payload);
    ASSERT_TRUE(parsed) << side;
    EXPECT_EQ(write_kexinit(*parsed), payload);
  }
  const auto client = parse_kexinit(of_openssh("client"));
  EXPECT_EQ(hex(client->cookie), hex(of_openssh("client")).substr(2, 32));
  EXPECT_TRUE(client->lists_kex("kex-strict-c-v00@openssh.com"));
  EXPECT_EQ(client->ciphers_server_to_client.front(), "chacha20-poly1305@openssh.com");
  EXPECT_EQ(client->compressions_client_to_server, (NameList{"none", "zlib@openssh.com", "zlib"}));
  EXPECT_TRUE(client->languages_client_to_server.empty());
  EXPECT_FALSE(client->first_kex_packet_follows);
}

TEST(Rfc4253Section7Point1KexInit, IsRefusedWhereverItIsCut) {
  const ByteVector payload = of_openssh("client");
  for (std::size_t size = 0; size < payload.size(); ++size) EXPECT_FALSE(parse_kexinit(Bytes(payload).first(size))) << size;
}

TEST(Rfc4253Section7Point1KexInit, IsRefusedWithOctetsLeftOver) {
  ByteVector payload = write_kexinit(simple());
  payload.push_back(0);
  EXPECT_FALSE(parse_kexinit(payload));
}

TEST(Rfc4253Section7Point1KexInit, RejectsEmptyNameInList) {
  for (const char* list : {",", "a,", ",a", "a,,b"}) EXPECT_FALSE(parse_kexinit(with_list(as_bytes(list)))) << list;
  EXPECT_TRUE(parse_kexinit(with_list(as_bytes("a,b"))));
}

TEST(Rfc4251Section6Names, ArePrintableAndAtMost64Octets) {
  EXPECT_TRUE(parse_kexinit(with_list(as_bytes(std::string(64, 'x')))));
  EXPECT_FALSE(parse_kexinit(with_list(as_bytes(std::string(65, 'x')))));
  for (const char bad : {'\0', ' ', '\n', '\x7f', '\xe4'}) {
    EXPECT_FALSE(parse_kexinit(with_list(as_bytes(std::string("x") + bad)))) << static_cast<int>(bad);
  }
}

TEST(Rfc4253Section7Point1KexInit, RejectsTooManyNames) {
  std::string list = "n";
  for (std::size_t i = 1; i < max_names_per_list; ++i) list += ",n";
  EXPECT_TRUE(parse_kexinit(with_list(as_bytes(list))));
  EXPECT_FALSE(parse_kexinit(with_list(as_bytes(list + ",n"))));
}

TEST(Rfc4253Section7Point1KexInit, StaysAlignedWithAReservedFieldThatIsNotZero) {
  KexInit kexinit = simple();
  kexinit.reserved = 0xdeadbeef;
  const auto parsed = parse_kexinit(write_kexinit(kexinit));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, kexinit);
}

TEST(Rfc4253Section7Point1Negotiation, TakesTheFirstOfTheClientThatTheServerHas) {
  KexInit client = simple();
  KexInit server = simple();
  client.kex = {"unknown", "ecdh-sha2-nistp384", "curve25519-sha256"};
  server.kex = {"curve25519-sha256", "ecdh-sha2-nistp384"};
  client.host_keys = {"rsa-sha2-256", "ssh-ed25519"};
  server.host_keys = {"ssh-ed25519", "rsa-sha2-256"};
  client.ciphers_client_to_server = {"aes256-ctr", "aes128-ctr"};
  server.ciphers_client_to_server = {"aes128-ctr", "aes256-ctr"};
  const auto agreed = negotiate(client, server);
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->kex, crypto::KexMethod::ecdh_nistp384);
  EXPECT_EQ(agreed->host_key_algorithm, "rsa-sha2-256");
  EXPECT_EQ(agreed->cipher_client_to_server, crypto::Cipher::aes256_ctr);
  EXPECT_EQ(agreed->cipher_server_to_client, crypto::Cipher::aes128_ctr);
  EXPECT_EQ(agreed->mac_client_to_server, crypto::Mac::hmac_sha2_256);
}

TEST(Rfc4253Section7Point1Negotiation, OfOpenSshWithItselfIsWhatItsDebugOutputSays) {
  KexInit client = *parse_kexinit(of_openssh("client"));
  const KexInit server = *parse_kexinit(of_openssh("server"));
  client.kex.erase(client.kex.begin(), client.kex.begin() + 2);  // without sntrup761x25519-sha512, which we do not have
  const auto agreed = negotiate(client, server);
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->kex, crypto::KexMethod::curve25519_sha256);
  EXPECT_EQ(agreed->host_key_algorithm, "ssh-ed25519");
  EXPECT_EQ(agreed->cipher_client_to_server, crypto::Cipher::chacha20_poly1305);
  EXPECT_EQ(agreed->mac_client_to_server, crypto::Mac::none) << "the cipher authenticates, MAC lists do not count";
}

TEST(Rfc4253Section7Point1Negotiation, SaysWhatIsMissing) {
  const auto missing = [](const std::function<void(KexInit&)>& change) {
    KexInit client = simple();
    change(client);
    const auto agreed = negotiate(client, simple());
    EXPECT_FALSE(agreed.has_value());
    return agreed ? Violation::crypto_failed : agreed.error().violation;
  };
  EXPECT_EQ(missing([](KexInit& client) { client.kex = {"diffie-hellman-group1-sha1"}; }), Violation::no_common_kex);
  EXPECT_EQ(missing([](KexInit& client) { client.kex = {}; }), Violation::no_common_kex);
  EXPECT_EQ(missing([](KexInit& client) { client.host_keys = {"ssh-dss"}; }), Violation::no_common_host_key);
  EXPECT_EQ(missing([](KexInit& client) { client.ciphers_server_to_client = {"3des-cbc"}; }), Violation::no_common_cipher);
  EXPECT_EQ(missing([](KexInit& client) { client.ciphers_client_to_server = {"none"}; }), Violation::no_common_cipher);
  EXPECT_EQ(missing([](KexInit& client) { client.macs_client_to_server = {"hmac-md5"}; }), Violation::no_common_mac);
  EXPECT_EQ(missing([](KexInit& client) { client.compressions_client_to_server = {"zlib"}; }), Violation::no_common_compression);
  EXPECT_EQ(missing([](KexInit& client) { client.compressions_server_to_client = {}; }), Violation::no_common_compression);
}

TEST(Rfc4253Section7Point1Negotiation, NeverTakesAMarker) {
  KexInit client = simple();
  KexInit server = simple();
  client.kex = {"ext-info-s", "kex-strict-s-v00@openssh.com"};
  server.kex = {"curve25519-sha256", "ext-info-s", "kex-strict-s-v00@openssh.com"};
  const auto agreed = negotiate(client, server);
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().violation, Violation::no_common_kex);
}

TEST(Rfc4253Section7Point1Negotiation, NeverTakesNoCipherOrNoMacEvenIfBothWantIt) {
  KexInit kexinit = simple();
  kexinit.ciphers_client_to_server = {"none"};
  EXPECT_FALSE(negotiate(kexinit, kexinit));
  kexinit = simple();
  kexinit.macs_client_to_server = {"none"};
  EXPECT_FALSE(negotiate(kexinit, kexinit));
}

TEST(Rfc4253Section7Guess, IsRightWhenBothPreferTheSame) {
  KexInit client = simple();
  const KexInit server = simple();
  EXPECT_TRUE(guessed_right(client, server));
  client.ciphers_client_to_server = {"aes256-ctr"};
  EXPECT_TRUE(guessed_right(client, server)) << "ciphers have no part in it";
  client.host_keys = {"rsa-sha2-512", "ssh-ed25519"};
  EXPECT_FALSE(guessed_right(client, server));
  client = simple();
  client.kex = {"ecdh-sha2-nistp256", "curve25519-sha256"};
  EXPECT_FALSE(guessed_right(client, server));
}

TEST(AlgorithmLists, DefaultsHoldNothingBroken) {
  const AlgorithmLists lists = AlgorithmLists::defaults();
  EXPECT_EQ(lists.kex.front(), "curve25519-sha256");
  EXPECT_EQ(lists.ciphers.size(), 6U);
  EXPECT_EQ(lists.macs.size(), 4U);
  for (const NameList* list : {&lists.kex, &lists.host_keys, &lists.ciphers, &lists.macs}) {
    for (const std::string& name : *list) {
      EXPECT_EQ(name.find("sha1"), std::string::npos) << name;
      EXPECT_NE(name, "ssh-rsa");
      EXPECT_TRUE(valid_name(name));
    }
  }
}

}  // namespace
}  // namespace gatehouse::transport
