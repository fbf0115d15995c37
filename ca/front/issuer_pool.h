/// Connections to the issuer, each with a thread that waits for its answers.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ca/api/message_socket.h"

namespace gatehouse::ca {

class IssuerPool {
 public:
  struct Settings {
    std::string issuer_socket;
    unsigned threads = 8;
    std::size_t max_waiting = 128;  ///< questions beyond are refused at once
    std::chrono::milliseconds timeout{45'000};
  };
  explicit IssuerPool(Settings settings);
  IssuerPool(const IssuerPool&) = delete;
  IssuerPool& operator=(const IssuerPool&) = delete;
  /// Answers what is being asked, drops what waits.
  ~IssuerPool();

  using Done = std::function<void(Answer)>;
  /// `done` is called once, on a thread of the pool, or here and now when too many wait already (rate_limited). An issuer that does not
  /// answer becomes ca_unavailable; no question is asked twice.
  void ask(Ask question, std::optional<Password> password, Done done);

 private:
  struct Job {
    Ask ask;
    std::optional<Password> password;
    Done done;
  };
  void work();
  Answer answer(std::optional<IssuerConnection>& connection, const Job& job) const;

  Settings settings_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gatehouse::ca
