/// Connections that have not sent a byte yet. They cost a descriptor and nothing else, and are kept apart from those that do something,
/// so that silent ones cannot use up MaxStartups.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "daemon/unique_fd.h"
#include "sshd/listener/network_address.h"
#include "sshd/listener/penalties.h"

namespace gatehouse::sshd {

/// A connection whose first byte is awaited; our identification line is out.
struct WaitingConnection {
  UniqueFd socket;
  NetworkAddress peer;
  NetworkBlock source;
  SteadyTime since;
  std::string identification;  ///< the line that is out, without CR LF: a reload may have changed it for those who come later
};

class WaitingRoom {
 public:
  static constexpr std::size_t most = 4096;
  using Place = std::list<WaitingConnection>::iterator;

  /// @param capacity  a quarter of it is what one source may have
  explicit WaitingRoom(std::size_t capacity = most) : capacity_(capacity) {}

  /// Takes it in. When its source has more than its quarter, the source's oldest goes; when the room is full, the oldest of all.
  /// @return those that must go; the caller only needs to drop them
  std::vector<WaitingConnection> add(WaitingConnection connection);
  /// Takes it out.
  WaitingConnection remove(Place place);
  /// Takes out all that came before `before`.
  std::vector<WaitingConnection> remove_older(SteadyTime before);

  std::size_t size() const { return connections_.size(); }
  bool empty() const { return connections_.empty(); }
  /// Oldest first.
  Place begin() { return connections_.begin(); }
  Place end() { return connections_.end(); }

 private:
  std::size_t capacity_;
  std::list<WaitingConnection> connections_;
  std::map<NetworkBlock, std::list<Place>> by_source_;  ///< oldest first
};

}  // namespace gatehouse::sshd
