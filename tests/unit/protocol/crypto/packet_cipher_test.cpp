#include "protocol/crypto/packet_cipher.h"

#include <gtest/gtest.h>

#include <cctype>
#include <optional>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/random.h"
#include "tests/unit/vector_file.h"

namespace gatehouse::crypto {
namespace {

SecretBytes secret(const ByteVector& octets) { return SecretBytes::copy_of(octets); }

/// Some key material for the pair of algorithms, always the same.
PacketKeys some_keys(Cipher cipher, Mac mac) {
  PacketKeys keys;
  keys.cipher = cipher;
  keys.mac = mac;
  const auto fill = [](std::size_t size, std::uint8_t seed) {
    SecretBytes octets(size);
    for (std::size_t i = 0; i < size; ++i) octets.fill()[i] = static_cast<std::uint8_t>(seed + 7 * i);
    return octets;
  };
  keys.key = fill(cipher_key_size(cipher), 1);
  keys.iv = fill(cipher_iv_size(cipher), 2);
  keys.mac_key = fill(mac_key_size(mac), 3);
  return keys;
}

PacketCipher made(Operation operation, PacketKeys keys) { return PacketCipher::make(operation, std::move(keys)).value(); }

/// A clear packet with padding of zeros and room for the tag.
ByteVector packet_of(const PacketCipher& cipher, Bytes payload) {
  const std::size_t block = cipher.block_size();
  const std::size_t counted = 4 - cipher.aligned_from() + 1 + payload.size();
  std::size_t padding = block - counted % block;
  if (padding < 4) padding += block;
  WireWriter out;
  out.uint32(static_cast<std::uint32_t>(1 + payload.size() + padding)).byte(static_cast<std::uint8_t>(padding)).raw(payload);
  out.raw(ByteVector(padding)).raw(ByteVector(cipher.tag_size()));
  return out.take();
}

ByteVector without_tag(const PacketCipher& cipher, const ByteVector& packet) {
  return {packet.begin(), packet.end() - static_cast<std::ptrdiff_t>(cipher.tag_size())};
}

struct Pair {
  Cipher cipher;
  Mac mac;
};
std::vector<Pair> all_pairs() {
  std::vector<Pair> pairs{{Cipher::none, Mac::none}};
  for (const Cipher cipher : all_ciphers()) {
    if (authenticates(cipher)) {
      pairs.push_back({cipher, Mac::none});
    } else {
      for (const Mac mac : all_macs()) pairs.push_back({cipher, mac});
    }
  }
  return pairs;
}
std::vector<Pair> protected_pairs() {
  std::vector<Pair> pairs = all_pairs();
  pairs.erase(pairs.begin());
  return pairs;
}
std::string pair_name(const testing::TestParamInfo<Pair>& info) {
  std::string name;
  for (const char c : std::string(cipher_name(info.param.cipher)) + "_" + std::string(mac_name(info.param.mac))) {
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  }
  return name;
}

TEST(ChaCha20Poly1305Packet, GivesTheWorkedExampleOfTheDraft) {
  // draft-ietf-sshm-chacha20-poly1305 appendix A: figures 4 (packet), 5 (key), 12 (encrypted), 17 (tag); sequence number 7.
  PacketKeys keys;
  keys.cipher = Cipher::chacha20_poly1305;
  keys.key = secret(unhex("8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5"
                          "e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740")
                        .value());
  const std::string clear =
      "00000048065e00000000000000384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e"
      "6720656c69744e43e804dc6c";
  const std::string sealed =
      "2c3ecce4a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705bbc378ce03a280236b87b53bed5839662302b164b6286a48cd1e097138e3cb90"
      "9b8b2b829dd18d2a35ff82d9"
      "95349e855bf02c298ef775f2d1a7e8b8";
  PacketKeys copy;
  copy.cipher = keys.cipher;
  copy.key = SecretBytes::copy_of(keys.key.reveal());
  PacketCipher sealing = made(Operation::seal, std::move(keys));
  PacketCipher opening = made(Operation::open, std::move(copy));
  ByteVector packet = unhex(clear + std::string(32, '0')).value();
  sealing.seal(7, packet);
  EXPECT_EQ(hex(packet), sealed);
  EXPECT_EQ(opening.packet_length(7, packet), 0x48u);
  ASSERT_TRUE(opening.open(7, packet));
  EXPECT_EQ(hex(without_tag(opening, packet)), clear);
}

class PacketFile : public testing::TestWithParam<const char*> {};

TEST_P(PacketFile, IsWhatOtherImplementationsSend) {
  const std::vector<test::VectorBlock> blocks = test::read_vector_blocks(GetParam());
  ASSERT_FALSE(blocks.empty());
  std::optional<PacketCipher> sealing;
  std::optional<PacketCipher> opening;
  std::string algorithms;
  for (const test::VectorBlock& block : blocks) {
    if (block.text("algorithms") != algorithms) {
      algorithms = block.text("algorithms");
      const std::size_t space = algorithms.find(' ');
      const auto keys = [&] {
        PacketKeys given;
        given.cipher = cipher_by_name(algorithms.substr(0, space)).value();
        if (space != algorithms.npos) given.mac = mac_by_name(algorithms.substr(space + 1)).value();
        given.key = secret(block.octets("key"));
        given.iv = secret(block.octets("iv"));
        if (block.has("mac_key")) given.mac_key = secret(block.octets("mac_key"));
        return given;
      };
      sealing = made(Operation::seal, keys());
      opening = made(Operation::open, keys());
    }
    SCOPED_TRACE(algorithms + ", sequence number " + block.text("sequence"));
    const auto sequence = static_cast<std::uint32_t>(block.number("sequence"));
    const ByteVector clear = packet_of(*sealing, block.octets("payload"));
    ByteVector packet = clear;
    sealing->seal(sequence, packet);
    EXPECT_EQ(hex(packet), block.text("sealed"));
    packet = block.octets("sealed");
    EXPECT_EQ(opening->packet_length(sequence, packet) + 4 + opening->tag_size(), packet.size());
    ASSERT_TRUE(opening->open(sequence, packet));
    EXPECT_EQ(without_tag(*opening, packet), without_tag(*opening, clear));
  }
}
INSTANTIATE_TEST_SUITE_P(Vectors, PacketFile, testing::Values("packet_cipher/ctr_hmac.txt", "packet_cipher/gcm.txt"),
                         [](const auto& file) { return file.index == 0 ? "CtrHmac" : "Gcm"; });

TEST(Sp80038aCtr, GivesTheKeystreamOfTheStandard) {
  // NIST SP 800-38A F.5.1: CTR-AES128, first counter block and the keystream of four blocks (the standard's "output blocks").
  const std::string keystream =
      "ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae6a2cc3787889374fbeb4c81b17ba6c44e89c399ff0f198c6d40a31db156cabfe";
  PacketKeys keys = some_keys(Cipher::aes128_ctr, Mac::hmac_sha2_256);
  keys.key = secret(unhex("2b7e151628aed2a6abf7158809cf4f3c").value());
  keys.iv = secret(unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").value());
  PacketCipher sealing = made(Operation::seal, std::move(keys));
  ByteVector packet = packet_of(sealing, ByteVector(50));
  const ByteVector clear = without_tag(sealing, packet);
  ASSERT_EQ(clear.size(), 64u);
  sealing.seal(0, packet);
  const ByteVector stream = unhex(keystream).value();
  for (std::size_t i = 0; i < clear.size(); ++i) ASSERT_EQ(packet[i], clear[i] ^ stream[i]) << i;
}

TEST(CipherNames, AreThoseOfKexinit) {
  for (const Cipher cipher : all_ciphers()) EXPECT_EQ(cipher_by_name(cipher_name(cipher)), cipher);
  for (const Mac mac : all_macs()) EXPECT_EQ(mac_by_name(mac_name(mac)), mac);
  EXPECT_EQ(all_ciphers().size(), 6u);
  EXPECT_EQ(all_macs().size(), 4u);
  EXPECT_EQ(cipher_by_name("none"), std::nullopt);
  EXPECT_EQ(cipher_by_name(""), std::nullopt);
  EXPECT_EQ(cipher_by_name("aes128-cbc"), std::nullopt);
  EXPECT_EQ(mac_by_name(""), std::nullopt);
  EXPECT_EQ(mac_by_name("hmac-sha1"), std::nullopt);
}

class AllPackets : public testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, AllPackets, testing::ValuesIn(all_pairs()), pair_name);
class ProtectedPackets : public testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, ProtectedPackets, testing::ValuesIn(protected_pairs()), pair_name);

TEST_P(AllPackets, OpenToWhatWasSealed) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
  for (std::uint32_t sequence = 0xfffffff0; sequence != 16; ++sequence) {
    const ByteVector clear = packet_of(sealing, random_bytes(1 + (sequence & 0xff) * 5));
    ByteVector packet = clear;
    sealing.seal(sequence, packet);
    ASSERT_EQ(opening.packet_length(sequence, Bytes(packet).first(opening.prefix_size())) + 4 + opening.tag_size(), packet.size());
    ASSERT_TRUE(opening.open(sequence, packet));
    ASSERT_EQ(without_tag(opening, packet), without_tag(opening, clear));
  }
}

TEST_P(AllPackets, OpenALargePacket) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
  const ByteVector clear = packet_of(sealing, random_bytes(256 * 1024));
  ByteVector packet = clear;
  sealing.seal(1, packet);
  ASSERT_TRUE(opening.open(1, packet));
  EXPECT_EQ(without_tag(opening, packet), without_tag(opening, clear));
}

TEST_P(AllPackets, TellTheirLengthAsOftenAsAsked) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
  for (std::uint32_t sequence = 0; sequence < 3; ++sequence) {
    ByteVector packet = packet_of(sealing, ByteVector(100, 9));
    const std::uint32_t length = static_cast<std::uint32_t>(packet.size() - 4 - sealing.tag_size());
    sealing.seal(sequence, packet);
    const ByteVector sealed = packet;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(opening.packet_length(sequence, packet), length);
    EXPECT_EQ(packet, sealed);
    ASSERT_TRUE(opening.open(sequence, packet));
  }
}

TEST_P(ProtectedPackets, AreRefusedWhenAnyOctetWasChanged) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  ByteVector sealed = packet_of(sealing, ByteVector(20, 0x5a));
  const ByteVector clear = sealed;
  sealing.seal(5, sealed);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    for (const std::uint8_t flip : {0x01, 0x80}) {
      PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
      ByteVector packet = sealed;
      packet[at] ^= flip;
      const ProtocolResult<void> result = opening.open(5, packet);
      ASSERT_FALSE(result) << "octet " << at;
      // In the length field the sizes disagree first, but for ciphers that hide it and then find the tag wrong.
      EXPECT_EQ(result.error().violation, at < 4 ? Violation::bad_packet_length : Violation::mac_mismatch) << "octet " << at;
      if (at >= 4) {
        EXPECT_NE(without_tag(opening, packet), without_tag(sealing, clear)) << "octet " << at;
      }
    }
  }
}

TEST_P(ProtectedPackets, AreRefusedUnderAnotherSequenceNumberOrOutOfOrder) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  ByteVector first = packet_of(sealing, ByteVector(20, 1));
  ByteVector second = packet_of(sealing, ByteVector(20, 2));
  sealing.seal(0, first);
  sealing.seal(1, second);
  PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
  EXPECT_FALSE(opening.open(0, second));  // the first one lost on the way
  PacketCipher repeated = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
  ByteVector again = first;
  ASSERT_TRUE(repeated.open(0, first));
  EXPECT_FALSE(repeated.open(1, again));
}

TEST_P(AllPackets, AreRefusedAtEverySizeButTheirOwn) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  ByteVector sealed = packet_of(sealing, ByteVector(40, 1));
  sealing.seal(0, sealed);
  sealed.resize(sealed.size() + 64);
  const std::size_t own = sealed.size() - 64;
  for (std::size_t size = 0; size <= sealed.size(); ++size) {
    if (size == own) continue;
    PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
    ByteVector packet(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(size));
    const ProtocolResult<void> result = opening.open(0, packet);
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error().violation, Violation::bad_packet_length) << size;
  }
}

TEST_P(AllPackets, GoOnAfterAHandOverAtAPacketBorder) {
  PacketCipher sealing = made(Operation::seal, some_keys(GetParam().cipher, GetParam().mac));
  PacketCipher opening = made(Operation::open, some_keys(GetParam().cipher, GetParam().mac));
  for (std::uint32_t sequence = 0; sequence < 20; ++sequence) {
    ByteVector packet = packet_of(sealing, random_bytes(sequence * 37));
    sealing.seal(sequence, packet);
    // The length may have been asked for when the rest of the packet had not yet come.
    if (sequence % 3 == 0) opening.packet_length(sequence, packet);
    if (sequence % 2 == 0) opening = made(Operation::open, opening.copy_keys());
    if (sequence % 5 == 0) sealing = made(Operation::seal, sealing.copy_keys());
    ASSERT_TRUE(opening.open(sequence, packet)) << sequence;
  }
}

TEST_P(AllPackets, AreNotMadeFromKeysOfWrongSize) {
  const auto refused = [&](auto change) {
    PacketKeys keys = some_keys(GetParam().cipher, GetParam().mac);
    change(keys);
    const ProtocolResult<PacketCipher> result = PacketCipher::make(Operation::open, std::move(keys));
    return !result && result.error().violation == Violation::bad_snapshot;
  };
  EXPECT_TRUE(refused([](PacketKeys& keys) { keys.key = SecretBytes(keys.key.size() + 1); }));
  EXPECT_TRUE(refused([](PacketKeys& keys) { keys.iv = SecretBytes(keys.iv.size() + 1); }));
  EXPECT_TRUE(refused([](PacketKeys& keys) { keys.mac_key = SecretBytes(keys.mac_key.size() + 1); }));
}

TEST(PacketCipher, IsNotMadeWithoutTheMacItNeedsNorWithOneItDoesNot) {
  EXPECT_FALSE(PacketCipher::make(Operation::seal, some_keys(Cipher::aes128_ctr, Mac::none)));
  EXPECT_FALSE(PacketCipher::make(Operation::seal, some_keys(Cipher::aes128_gcm, Mac::hmac_sha2_256)));
  EXPECT_FALSE(PacketCipher::make(Operation::seal, some_keys(Cipher::none, Mac::hmac_sha2_256)));
}

TEST(PacketCipher, HasTheSizesOfItsAlgorithms) {
  const PacketCipher clear;
  EXPECT_EQ(clear.block_size(), 8u);
  EXPECT_EQ(clear.aligned_from(), 0u);
  EXPECT_EQ(clear.tag_size(), 0u);
  EXPECT_EQ(clear.prefix_size(), 4u);
  const PacketCipher chacha = made(Operation::seal, some_keys(Cipher::chacha20_poly1305, Mac::none));
  EXPECT_EQ(chacha.block_size(), 8u);
  EXPECT_EQ(chacha.aligned_from(), 4u);
  EXPECT_EQ(chacha.tag_size(), 16u);
  EXPECT_EQ(chacha.prefix_size(), 4u);
  const PacketCipher gcm = made(Operation::seal, some_keys(Cipher::aes256_gcm, Mac::none));
  EXPECT_EQ(gcm.block_size(), 16u);
  EXPECT_EQ(gcm.aligned_from(), 4u);
  EXPECT_EQ(gcm.tag_size(), 16u);
  const PacketCipher etm = made(Operation::seal, some_keys(Cipher::aes256_ctr, Mac::hmac_sha2_512_etm));
  EXPECT_EQ(etm.aligned_from(), 4u);
  EXPECT_EQ(etm.tag_size(), 64u);
  EXPECT_EQ(etm.prefix_size(), 4u);
  const PacketCipher plain = made(Operation::seal, some_keys(Cipher::aes256_ctr, Mac::hmac_sha2_256));
  EXPECT_EQ(plain.aligned_from(), 0u);
  EXPECT_EQ(plain.tag_size(), 32u);
  EXPECT_EQ(plain.prefix_size(), 16u);
}

TEST(PacketCipherDeathTest, DoesNotSealAPacketThatIsNotAligned) {
  PacketCipher sealing = made(Operation::seal, some_keys(Cipher::aes128_gcm, Mac::none));
  ByteVector packet = packet_of(sealing, ByteVector(20));
  packet.pop_back();
  EXPECT_DEATH(sealing.seal(0, packet), "");
}

}  // namespace
}  // namespace gatehouse::crypto
