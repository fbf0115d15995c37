/// The server's host keys: public halves as the signer lists them, and the certificate files for them.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "protocol/core/result.h"
#include "sshd/authorizer/messages.h"
#include "sshd/monitor/server_image.h"

namespace gatehouse::sshd {

/// Asks the signer; blocks for a short while at most. @error which key is not there, or why the token is away
Result<std::vector<ServerHostKey>> fetch_host_keys(const std::string& signer_socket, std::size_t expected);

/// HostCertificate files, read again when they are replaced.
class HostCertificates {
 public:
  explicit HostCertificates(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  /// Gives each key its certificates: the newest first, and behind it the one before, which connections that began earlier still show.
  /// A file that cannot be used is said in the log and leaves what was there.
  void attach(std::vector<ServerHostKey>& keys);
  /// Whether a file is another one than at the last attach().
  bool changed() const;

 private:
  struct Version {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    timespec modified{};
    bool operator==(const Version& other) const {
      return device == other.device && inode == other.inode && size == other.size && modified.tv_sec == other.modified.tv_sec &&
             modified.tv_nsec == other.modified.tv_nsec;
    }
  };
  static Version version_of(const std::string& path);
  std::vector<std::string> paths_;
  std::map<std::string, Version> loaded_;
};

/// What the authorizer is told of the keys.
authorizer::Setup authorizer_setup(const std::vector<ServerHostKey>& keys);

}  // namespace gatehouse::sshd
