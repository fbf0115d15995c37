#include "ca/directory/servers.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "daemon/log.h"
#include "daemon/pin_source.h"

namespace gatehouse::ca {

namespace {

// Servers and firewalls drop idle connections, Active Directory after 15 minutes.
constexpr std::chrono::minutes idle_limit{5};
constexpr std::chrono::seconds first_avoidance{5};
constexpr std::chrono::seconds longest_avoidance{60};

DirectoryUnavailable unavailable(const ServerUrl& url, const ServerFailure& failure) { return {url.text, failure.stage, failure.text}; }

}  // namespace

Servers::Servers(const DirectorySettings& settings, std::vector<ServerUrl> urls) : settings_(settings) {
  for (auto& url : urls) {
    servers_.emplace_back();
    servers_.back().url = std::move(url);
  }
}

std::vector<std::size_t> Servers::order(Clock::time_point now, const std::string& preferred) {
  const std::lock_guard lock(mutex_);
  std::vector<std::size_t> indices(servers_.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  // Healthy ones as configured; then those that may be tried again soonest. None is left out: all being bad is no reason not to ask.
  const auto rank = [&](std::size_t i) {
    const Server& server = servers_[i];
    return std::make_pair(server.avoid_until > now ? server.avoid_until : Clock::time_point{}, server.url.text != preferred);
  };
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  return indices;
}

void Servers::succeeded(std::size_t index) {
  const std::lock_guard lock(mutex_);
  Server& server = servers_[index];
  if (server.failures > 0) log::info("directory server {} answers again", server.url.text);
  server.failures = 0;
  server.avoid_until = {};
}

void Servers::failed(std::size_t index, const ServerFailure& failure) {
  const std::lock_guard lock(mutex_);
  Server& server = servers_[index];
  if (server.failures == 0) {
    log::warning("directory server {}: {}: {}", server.url.text, stage_name(failure.stage), failure.text);
  }
  const unsigned doublings = std::min(server.failures, 8u);
  ++server.failures;
  server.avoid_until = Clock::now() + std::min(longest_avoidance, first_avoidance * (1u << doublings));
  server.idle.clear();
}

std::optional<Connection> Servers::take_idle(std::size_t index, Clock::time_point deadline) {
  std::vector<Idle> old;  // closed after the lock is gone
  const std::lock_guard lock(mutex_);
  auto& idle = servers_[index].idle;
  while (!idle.empty()) {
    Idle last = std::move(idle.back());
    idle.pop_back();
    if (Clock::now() - last.since < idle_limit && last.connection.usable()) {
      last.connection.extend(deadline);
      return std::move(last.connection);
    }
    old.push_back(std::move(last));
  }
  return std::nullopt;
}

void Servers::give_back(std::size_t index, Connection connection) {
  if (!connection.usable()) return;
  const std::lock_guard lock(mutex_);
  auto& idle = servers_[index].idle;
  if (idle.size() < settings_.max_idle_connections) idle.push_back({std::move(connection), Clock::now()});
}

ServerResult<Connection> Servers::open_bound(const ServerUrl& url, Clock::time_point deadline) const {
  constexpr auto stage = DirectoryStage::service_bind;
  auto connection = Connection::open(settings_, url, deadline);
  if (!connection) return connection;
  SecretBytes password;
  if (!settings_.bind_password_file.empty()) {
    // Read anew each time, so that a password rotated while we run needs no restart.
    auto file = open_pin_source(settings_.bind_password_file, ::geteuid(), "bind password");
    if (!file) return tl::unexpected(ServerFailure{DirectoryStage::configuration, file.error().line(), false});
    auto read = read_pin(file->fd(), "bind password");
    if (!read) return tl::unexpected(ServerFailure{DirectoryStage::configuration, read.error().line(), false});
    password = std::move(*read);
  }
  auto answer = connection->bind(settings_.bind_dn, password.reveal(), stage);
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->accepted) {
    return tl::unexpected(
        ServerFailure{stage, "the directory refuses the service account " + settings_.bind_dn + ": " + answer->text, true});
  }
  if (answer->fault) {
    return tl::unexpected(ServerFailure{
        stage, "the service account " + settings_.bind_dn + " cannot be used: " + std::string(fault_name(*answer->fault)), true});
  }
  return connection;
}

DirectoryResult<std::string> Servers::ask(Clock::time_point deadline, const std::function<ServerResult<void>(Connection&)>& ask) {
  DirectoryUnavailable last{"", DirectoryStage::connect, "no server was asked in time"};
  for (const std::size_t index : order(Clock::now(), {})) {
    const ServerUrl& url = servers_[index].url;
    if (Clock::now() >= deadline) break;
    if (auto idle = take_idle(index, deadline)) {
      auto answer = ask(*idle);
      if (answer) {
        succeeded(index);
        give_back(index, std::move(*idle));
        return url.text;
      }
      if (!answer.error().try_another) {
        give_back(index, std::move(*idle));
        return tl::unexpected<DirectoryError>(unavailable(url, answer.error()));
      }
      const std::lock_guard lock(mutex_);
      servers_[index].idle.clear();  // its siblings are as old
    }
    auto fresh = open_bound(url, deadline);
    auto answer = fresh ? ask(*fresh) : ServerResult<void>(tl::unexpected(fresh.error()));
    if (answer) {
      succeeded(index);
      give_back(index, std::move(*fresh));
      return url.text;
    }
    last = unavailable(url, answer.error());
    if (!answer.error().try_another) break;
    failed(index, answer.error());
  }
  return tl::unexpected<DirectoryError>(std::move(last));
}

DirectoryResult<Connection> Servers::connect_for_user(Clock::time_point deadline, const std::string& preferred) {
  DirectoryUnavailable last{"", DirectoryStage::connect, "no server was asked in time"};
  for (const std::size_t index : order(Clock::now(), preferred)) {
    if (Clock::now() >= deadline) break;
    auto connection = Connection::open(settings_, servers_[index].url, deadline);
    if (connection) return std::move(*connection);
    last = unavailable(servers_[index].url, connection.error());
    if (!connection.error().try_another) break;
    failed(index, connection.error());
  }
  return tl::unexpected<DirectoryError>(std::move(last));
}

}  // namespace gatehouse::ca
