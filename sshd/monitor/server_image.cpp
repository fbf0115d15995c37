#include "sshd/monitor/server_image.h"

#include "protocol/keys/algorithm.h"

namespace gatehouse::sshd {

std::vector<transport::HostKey> offered_host_keys(const std::vector<ServerHostKey>& keys, const std::vector<std::string>& algorithms) {
  std::vector<transport::HostKey> offered;
  for (const std::string& name : algorithms) {
    const auto algorithm = keys::public_key_algorithm_by_name(name);
    if (!algorithm) continue;
    for (const ServerHostKey& host : keys) {
      if (host.key.type() != keys::key_type_of(algorithm->signature)) continue;
      if (algorithm->certificate && host.certificates.empty()) continue;
      offered.push_back({name, algorithm->certificate ? host.certificates.front() : to_vector(host.key.blob())});
      break;  // one key for each algorithm: the first in the file
    }
  }
  return offered;
}

}  // namespace gatehouse::sshd
