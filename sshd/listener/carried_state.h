/// What the listener carries over its own exec, so that a new address layout costs no connection, no counter and no penalty.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"
#include "sshd/authorizer/messages.h"
#include "sshd/listener/network_address.h"
#include "sshd/listener/penalties.h"

namespace gatehouse::sshd {

/// Descriptors are numbers: they stay open across the exec. Times are of the steady clock, which goes on.
struct CarriedState {
  struct Socket {
    int fd = -1;
    std::string where;
    bool operator==(const Socket&) const = default;
  };
  struct Waiting {
    int fd = -1;
    std::int64_t since = 0;
    std::string identification;
    bool operator==(const Waiting&) const = default;
  };
  struct Child {
    pid_t pid = -1;
    NetworkBlock source;
    std::string address;
    bool starting = false;
    int startup = -1;  ///< -1: none
    bool operator==(const Child&) const = default;
  };
  /// A process that is supervised, and the descriptors that go with it.
  struct Supervised {
    pid_t pid = -1;
    std::vector<int> descriptors;
    bool operator==(const Supervised&) const = default;
  };

  ByteVector configuration;                    ///< Configuration::serialize(): the file may meanwhile be half edited
  std::vector<authorizer::HostKey> host_keys;  ///< public halves
  int lock = -1;
  Supervised signer;
  Supervised authorizer;
  std::vector<Socket> sockets;
  std::vector<Waiting> waiting;
  std::vector<Child> children;
  std::vector<Penalties::Record> penalties;

  ByteVector write() const;
  /// @error written by another version, cut, or out of bounds
  static Result<CarriedState> parse(Bytes octets);
  /// All descriptors in it.
  std::vector<int> descriptors() const;
};

}  // namespace gatehouse::sshd
