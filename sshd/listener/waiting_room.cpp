#include "sshd/listener/waiting_room.h"

#include <algorithm>
#include <utility>

namespace gatehouse::sshd {

std::vector<WaitingConnection> WaitingRoom::add(WaitingConnection connection) {
  std::vector<WaitingConnection> gone;
  const std::size_t quarter = std::max<std::size_t>(capacity_ / 4, 1);
  if (const auto same = by_source_.find(connection.source); same != by_source_.end() && same->second.size() >= quarter) {
    gone.push_back(remove(same->second.front()));
  }
  if (connections_.size() >= capacity_) gone.push_back(remove(connections_.begin()));
  const NetworkBlock source = connection.source;
  connections_.push_back(std::move(connection));
  by_source_[source].push_back(std::prev(connections_.end()));
  return gone;
}

WaitingConnection WaitingRoom::remove(Place place) {
  const auto same = by_source_.find(place->source);
  same->second.erase(std::find(same->second.begin(), same->second.end(), place));
  if (same->second.empty()) by_source_.erase(same);
  WaitingConnection taken = std::move(*place);
  connections_.erase(place);
  return taken;
}

std::vector<WaitingConnection> WaitingRoom::remove_older(SteadyTime before) {
  std::vector<WaitingConnection> gone;
  while (!connections_.empty() && connections_.front().since < before) gone.push_back(remove(connections_.begin()));
  return gone;
}

}  // namespace gatehouse::sshd
