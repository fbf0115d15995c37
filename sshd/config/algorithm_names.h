/// Names of algorithms for the configuration: all that may be written, and what holds when nothing is.
#pragma once

#include <string>
#include <vector>

namespace gatehouse::sshd {

const std::vector<std::string>& kex_names();
const std::vector<std::string>& cipher_names();
const std::vector<std::string>& mac_names();
/// HostKeyAlgorithms: with certificates first, as OpenSSH.
const std::vector<std::string>& host_key_algorithm_names();
/// PubkeyAcceptedAlgorithms: certificates only.
const std::vector<std::string>& user_certificate_algorithm_names();
/// CASignatureAlgorithms: "ssh-ed25519", …, never "ssh-rsa".
const std::vector<std::string>& ca_signature_names();

}  // namespace gatehouse::sshd
