#include "protocol/transport/algorithms.h"

#include "protocol/keys/algorithm.h"

namespace gatehouse::transport {

AlgorithmLists AlgorithmLists::defaults() {
  AlgorithmLists lists;
  for (const crypto::KexMethod method : crypto::all_kex_methods()) lists.kex.emplace_back(crypto::kex_method_name(method));
  for (const keys::PublicKeyAlgorithm algorithm : keys::all_public_key_algorithms()) {
    lists.host_keys.emplace_back(keys::public_key_algorithm_name(algorithm));
  }
  for (const crypto::Cipher cipher : crypto::all_ciphers()) lists.ciphers.emplace_back(crypto::cipher_name(cipher));
  for (const crypto::Mac mac : crypto::all_macs()) lists.macs.emplace_back(crypto::mac_name(mac));
  return lists;
}

}  // namespace gatehouse::transport
