// room: protocol_crypto
// Sealed packets: the first octet chooses the algorithms, the rest is what came over the network. Nothing forged opens.
#include <cstdlib>

#include "protocol/crypto/packet_cipher.h"

using namespace gatehouse;
using namespace gatehouse::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t choice = data[0];
  PacketKeys keys;
  keys.cipher = all_ciphers()[choice % all_ciphers().size()];
  if (!authenticates(keys.cipher)) keys.mac = all_macs()[choice / all_ciphers().size() % all_macs().size()];
  keys.key = SecretBytes(cipher_key_size(keys.cipher));
  keys.iv = SecretBytes(cipher_iv_size(keys.cipher));
  keys.mac_key = SecretBytes(mac_key_size(keys.mac));
  PacketCipher cipher = PacketCipher::make(Operation::open, std::move(keys)).value();
  ByteVector packet(data + 1, data + size);
  if (packet.size() < cipher.prefix_size()) return 0;
  const std::uint32_t length = cipher.packet_length(0, packet);
  if (length != cipher.packet_length(0, packet)) std::abort();
  const std::size_t whole = std::size_t{4} + length + cipher.tag_size();
  if (whole <= packet.size()) packet.resize(whole);
  if (cipher.open(0, packet)) std::abort();
  return 0;
}
