// room: protocol_transport
// What parses survives a write and a second parse, and can be negotiated with itself and with what we offer (RFC 4253 section 7.1).
#include <cstdlib>

#include "protocol/transport/kexinit.h"

using namespace gatehouse;
using namespace gatehouse::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = parse_kexinit({data, size});
  if (!first) return 0;
  const auto second = parse_kexinit(write_kexinit(*first));
  if (!second || *second != *first) std::abort();

  KexInit ours;
  const AlgorithmLists lists = AlgorithmLists::defaults();
  ours.kex = lists.kex;
  ours.host_keys = lists.host_keys;
  ours.ciphers_client_to_server = ours.ciphers_server_to_client = lists.ciphers;
  ours.macs_client_to_server = ours.macs_server_to_client = lists.macs;
  ours.compressions_client_to_server = ours.compressions_server_to_client = {"none"};
  const auto agreed = negotiate(*first, ours);
  if (agreed && (agreed->cipher_client_to_server == crypto::Cipher::none || agreed->cipher_server_to_client == crypto::Cipher::none))
    std::abort();
  if (agreed && !crypto::authenticates(agreed->cipher_client_to_server) && agreed->mac_client_to_server == crypto::Mac::none) std::abort();
  (void)guessed_right(*first, ours);
  (void)negotiate(*first, *first);
  return 0;
}
