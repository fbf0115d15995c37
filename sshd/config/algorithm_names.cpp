#include "sshd/config/algorithm_names.h"

#include "protocol/crypto/key_agreement.h"
#include "protocol/crypto/packet_cipher.h"
#include "protocol/keys/algorithm.h"

namespace gatehouse::sshd {

namespace {

template <class Values, class Name>
std::vector<std::string> names_of(const Values& values, Name name) {
  std::vector<std::string> out;
  for (const auto& each : values) out.emplace_back(name(each));
  return out;
}

}  // namespace

const std::vector<std::string>& kex_names() {
  static const std::vector<std::string> names = names_of(crypto::all_kex_methods(), crypto::kex_method_name);
  return names;
}

const std::vector<std::string>& cipher_names() {
  static const std::vector<std::string> names = names_of(crypto::all_ciphers(), crypto::cipher_name);
  return names;
}

const std::vector<std::string>& mac_names() {
  static const std::vector<std::string> names = names_of(crypto::all_macs(), crypto::mac_name);
  return names;
}

const std::vector<std::string>& host_key_algorithm_names() {
  static const std::vector<std::string> names = names_of(keys::all_public_key_algorithms(), keys::public_key_algorithm_name);
  return names;
}

const std::vector<std::string>& user_certificate_algorithm_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const keys::PublicKeyAlgorithm each : keys::all_public_key_algorithms()) {
      if (each.certificate) out.emplace_back(keys::public_key_algorithm_name(each));
    }
    return out;
  }();
  return names;
}

const std::vector<std::string>& ca_signature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const keys::PublicKeyAlgorithm each : keys::all_public_key_algorithms()) {
      if (!each.certificate) out.emplace_back(keys::signature_name(each.signature));
    }
    return out;
  }();
  return names;
}

}  // namespace gatehouse::sshd
