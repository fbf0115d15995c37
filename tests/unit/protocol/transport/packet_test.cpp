#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "protocol/core/wire.h"
#include "protocol/crypto/random.h"
#include "protocol/transport/packet_reader.h"
#include "protocol/transport/packet_writer.h"

namespace gatehouse::transport {
namespace {

struct Protection {
  crypto::Cipher cipher;
  crypto::Mac mac;
};

std::vector<Protection> protections() {
  std::vector<Protection> all;
  for (const crypto::Cipher cipher : crypto::all_ciphers()) {
    if (crypto::authenticates(cipher)) {
      all.push_back({cipher, crypto::Mac::none});
      continue;
    }
    for (const crypto::Mac mac : crypto::all_macs()) all.push_back({cipher, mac});
  }
  return all;
}

std::vector<Protection> protections_and_none() {
  std::vector<Protection> all = protections();
  all.push_back({crypto::Cipher::none, crypto::Mac::none});
  return all;
}

bool is_gcm(const Protection& protection) {
  return protection.cipher == crypto::Cipher::aes128_gcm || protection.cipher == crypto::Cipher::aes256_gcm;
}

crypto::PacketKeys keys_for(const Protection& protection) {
  const auto counted = [](std::size_t size) {
    SecretBytes secret(size);
    for (std::size_t i = 0; i < size; ++i) secret.fill()[i] = static_cast<std::uint8_t>(i * 7 + 1);
    return secret;
  };
  return {protection.cipher, protection.mac, counted(crypto::cipher_key_size(protection.cipher)),
          counted(crypto::cipher_iv_size(protection.cipher)), counted(crypto::mac_key_size(protection.mac))};
}

crypto::PacketCipher cipher_for(crypto::Operation operation, const Protection& protection) {
  if (protection.cipher == crypto::Cipher::none) return {};
  return std::move(*crypto::PacketCipher::make(operation, keys_for(protection)));
}

std::string name_of(const Protection& protection) {
  std::string name = protection.cipher == crypto::Cipher::none ? "none" : std::string(crypto::cipher_name(protection.cipher));
  if (protection.mac != crypto::Mac::none) name += "_" + std::string(crypto::mac_name(protection.mac));
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

class EachPacket : public testing::TestWithParam<Protection> {
 protected:
  EachPacket() {
    writer.install(cipher_for(crypto::Operation::seal, GetParam()), false);
    reader.install(cipher_for(crypto::Operation::open, GetParam()), false);
  }
  PacketWriter writer;
  PacketReader reader;
  OctetQueue wire;
};
class Rfc4253Section6Packet : public EachPacket {};
class Rfc4253Section6Point4Integrity : public EachPacket {};

TEST_P(Rfc4253Section6Packet, CarriesPayloadsOfEachSizeOneOctetAtATime) {
  OctetQueue arrived;
  std::vector<std::size_t> sizes;
  for (std::size_t size = 1; size <= 70; ++size) sizes.push_back(size);
  for (const std::size_t size : {255, 256, 1000, 32768, 200000}) sizes.push_back(size);
  std::uint32_t sequence_number = 0;
  for (const std::size_t size : sizes) {
    const ByteVector payload = crypto::random_bytes(size);
    writer.write(wire, payload);
    EXPECT_EQ((wire.size() - writer.cipher().tag_size() - writer.cipher().aligned_from()) % writer.cipher().block_size(), 0U);
    EXPECT_GE(wire.size(), 16U);
    const bool slowly = size <= 300;
    while (!wire.empty()) {
      const std::size_t step = slowly ? 1 : wire.size();
      arrived.append(Bytes(wire.view()).first(step));
      wire.drop(step);
      const auto packet = reader.next(arrived);
      ASSERT_TRUE(packet);
      ASSERT_EQ(packet->has_value(), wire.empty());
      if (!*packet) continue;
      EXPECT_TRUE(equal((*packet)->payload, payload)) << size;
      EXPECT_EQ((*packet)->sequence_number, sequence_number);
    }
    ++sequence_number;
  }
  EXPECT_EQ(reader.use().packets, sizes.size());
  EXPECT_EQ(reader.use().bytes, writer.use().bytes);
}

TEST_P(Rfc4253Section6Packet, CarriesManyInOneBuffer) {
  for (int i = 0; i < 100; ++i) writer.write(wire, ByteVector(static_cast<std::size_t>(1 + i * 37), static_cast<std::uint8_t>(i)));
  for (int i = 0; i < 100; ++i) {
    const auto packet = reader.next(wire);
    ASSERT_TRUE(packet && *packet);
    EXPECT_EQ((*packet)->payload.size(), static_cast<std::size_t>(1 + i * 37));
    EXPECT_EQ((*packet)->payload.back(), i);
  }
  const auto none = reader.next(wire);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_TRUE(wire.empty());
}

TEST_P(Rfc4253Section6Point4Integrity, IsRefusedWithAnyOctetChanged) {
  writer.write(wire, as_bytes("a payload to protect"));
  const ByteVector sealed = to_vector(wire.view());
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    ByteVector changed = sealed;
    changed[i] ^= 0x10;
    changed.resize(changed.size() + max_packet_length + 100);  // a length that grew shall not wait for more
    OctetQueue arrived;
    arrived.append(changed);
    PacketReader fresh;
    fresh.install(cipher_for(crypto::Operation::open, GetParam()), false);
    const auto packet = fresh.next(arrived);
    ASSERT_FALSE(packet.has_value()) << "octet " << i;
    EXPECT_TRUE(packet.error().violation == Violation::mac_mismatch || packet.error().violation == Violation::bad_packet_length);
  }
}

TEST_P(Rfc4253Section6Point4Integrity, IsRefusedUnderAnotherSequenceNumber) {
  writer.write(wire, as_bytes("first"));
  reader.resume(cipher_for(crypto::Operation::open, GetParam()), 1, {});
  wire.append(ByteVector(max_packet_length + 100));
  EXPECT_EQ(reader.next(wire).has_value(), is_gcm(GetParam())) << "RFC 5647 section 7.1: with GCM the invocation counter stands in for it";
}

TEST_P(Rfc4253Section6Point4Integrity, CannotBeLeftOutOrTurnedAround) {
  writer.write(wire, as_bytes("first"));
  const std::size_t first = wire.size();
  writer.write(wire, as_bytes("other"));
  wire.drop(first);
  wire.append(ByteVector(max_packet_length + 100));
  EXPECT_FALSE(reader.next(wire));
}

INSTANTIATE_TEST_SUITE_P(Each, Rfc4253Section6Packet, testing::ValuesIn(protections_and_none()),
                         [](const auto& given) { return name_of(given.param); });
INSTANTIATE_TEST_SUITE_P(Each, Rfc4253Section6Point4Integrity, testing::ValuesIn(protections()),
                         [](const auto& given) { return name_of(given.param); });

// ---- lengths and padding, which in the clear anyone can choose ---------------------------------------------------------------------

Violation refusal(const ByteVector& octets) {
  OctetQueue input;
  input.append(octets);
  PacketReader reader;
  const auto packet = reader.next(input);
  EXPECT_FALSE(packet.has_value()) << hex(octets).substr(0, 40);
  return packet ? Violation::crypto_failed : packet.error().violation;
}

TEST(Rfc4253Section6Point1Length, IsRefusedBeforeAnythingWaitsForIt) {
  for (const std::uint32_t length :
       {0U, 1U, 2U, 4U, 11U, 13U, 0x00040001U, 0x00040004U, 0x7fffffffU, 0x80000000U, 0xfffffffcU, 0xffffffffU}) {
    EXPECT_EQ(refusal(WireWriter().uint32(length).byte(4).raw(ByteVector(11)).take()), Violation::bad_packet_length) << length;
  }
}

TEST(Rfc4253Section6Point1Length, IsTakenUpToItsLimit) {
  PacketWriter writer;
  OctetQueue wire;
  const ByteVector payload(max_packet_length - 1 - 11, 1);
  writer.write(wire, payload);
  PacketReader reader;
  const auto packet = reader.next(wire);
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->payload.size(), payload.size());
}

TEST(Rfc4253Section6Padding, IsAtLeastFourAndLeavesAPayload) {
  const auto packet = [](std::uint8_t padding) { return WireWriter().uint32(12).byte(padding).raw(ByteVector(11)).take(); };
  for (const std::uint8_t padding : {0, 1, 3, 11, 12, 255}) EXPECT_EQ(refusal(packet(padding)), Violation::bad_padding) << int{padding};
  OctetQueue input;
  input.append(packet(10));
  PacketReader reader;
  const auto smallest = reader.next(input);
  ASSERT_TRUE(smallest && *smallest);
  EXPECT_EQ((*smallest)->payload.size(), 1U);
}

TEST(Rfc4253Section6Padding, IsRandom) {
  PacketWriter writer;
  OctetQueue wire;
  std::set<ByteVector> seen;
  for (int i = 0; i < 1000; ++i) {
    writer.write(wire, as_bytes("x"));
    const Bytes packet = wire.view();
    seen.insert(to_vector(packet.last(packet[4])));
    wire.clear();
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Rfc4344Section3Point1SequenceNumber, IsNeverUsedTwiceUnderOneKey) {
  const Protection protection{crypto::Cipher::chacha20_poly1305, crypto::Mac::none};
  PacketWriter writer;
  PacketReader reader;
  writer.resume(cipher_for(crypto::Operation::seal, protection), 0xffffffff, {(std::uint64_t{1} << 32) - 1, 0});
  reader.resume(cipher_for(crypto::Operation::open, protection), 0xffffffff, {(std::uint64_t{1} << 32) - 1, 0});
  OctetQueue wire;
  EXPECT_FALSE(writer.exhausted());
  writer.write(wire, as_bytes("the last"));
  EXPECT_TRUE(writer.exhausted());
  const auto last = reader.next(wire);
  ASSERT_TRUE(last && *last);
  EXPECT_EQ((*last)->sequence_number, 0xffffffffU);

  PacketWriter careless;
  careless.resume(cipher_for(crypto::Operation::seal, protection), 0, {});
  careless.write(wire, as_bytes("one more"));
  const auto refused = reader.next(wire);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().violation, Violation::sequence_wrap);
}

}  // namespace
}  // namespace gatehouse::transport
