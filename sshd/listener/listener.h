/// The listener: accepts, limits, penalises, and forks a monitor for each connection that has sent its first octet, of which it reads none.
/// One thread, poll, nothing random drawn in it.
#pragma once

#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sshd/listener/listen_sockets.h"
#include "sshd/listener/penalties.h"
#include "sshd/listener/server.h"
#include "sshd/listener/startups.h"
#include "sshd/listener/waiting_room.h"

namespace gatehouse::sshd {

struct ListenerOptions {
  bool once = false;  ///< -d: one connection, and the end with it; no exec of its own either
  /// Executes this program anew with the state; comes back only when that failed.
  std::function<void(const CarriedState&)> execute;
  /// Reads the configuration again, for SIGHUP. @error and the old one stays
  std::function<Result<Configuration>()> load;
};

class Listener {
 public:
  Listener(Server& server, std::vector<ListenSocket> sockets, ListenerOptions options);
  /// Goes on where the listener stopped that executed itself anew.
  Listener(Server& server, const CarriedState& state, ListenerOptions options);
  /// Until SIGTERM, or the end of the one connection. @return the exit status
  int run();

 private:
  /// A monitor that runs.
  struct Child {
    NetworkBlock source;
    std::string address;
    bool starting = true;  ///< counted by startups_
    UniqueFd startup;      ///< readable when somebody has logged in
  };
  using Clock = std::chrono::steady_clock;

  void watch_signals();
  void wait_for_something();
  void accept_from(const ListenSocket& socket);
  void admit(UniqueFd socket, const NetworkAddress& peer);
  void first_octet(WaitingRoom::Place place);
  void start_monitor(WaitingConnection connection);
  [[noreturn]] void be_monitor(WaitingConnection connection, UniqueFd startup);
  void startup_over(Child& child);
  void reap();
  void judge(const Child& child, int status);
  void punish(const Child& child, Offence offence);
  bool exempt(const std::string& address) const;
  void refuse(const UniqueFd& socket, const NetworkAddress& peer, std::string_view why);
  void reload();
  void take_settings();
  bool fresh_layout_due() const;
  void execute_anew();

  Server& server_;
  std::vector<ListenSocket> sockets_;
  ListenerOptions options_;
  Startups startups_;
  Penalties penalties_;
  WaitingRoom waiting_;
  std::map<pid_t, Child> children_;
  sigset_t unblocked_{};
  std::map<std::string, std::uint64_t> refusals_;  ///< not yet said in the log, by reason
  Clock::time_point refusals_said_{};
  bool took_one_ = false;
  // Since this image was executed:
  Clock::time_point executed_ = Clock::now();
  std::uint64_t connections_ = 0;
  bool child_crashed_ = false;
};

}  // namespace gatehouse::sshd
