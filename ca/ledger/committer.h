/// Group commits: callers who wait at the same time share one transaction.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ca/ledger/chain.h"
#include "ca/ledger/database.h"
#include "ca/ledger/ledger.h"

namespace gatehouse::ca {

/// One thread with one connection. What cannot be written for now fails now; the next caller finds a new connection tried.
class Committer {
 public:
  /// Runs inside the transaction; may run again when the transaction is repeated. Its answer counts when the transaction is durable.
  using Work = std::function<LedgerResult<std::uint64_t>(Database&, ChainEnd&)>;

  explicit Committer(LedgerSettings settings);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Blocks until the work's transaction is durable or has failed.
  LedgerResult<std::uint64_t> submit(Work work);

 private:
  struct Job {
    Work work;
    std::promise<LedgerResult<std::uint64_t>> answer;
  };
  using Jobs = std::vector<std::shared_ptr<Job>>;

  void loop();
  void run(const Jobs& jobs, unsigned attempt);
  Database& connected();
  Database& begun();

  const LedgerSettings settings_;
  std::unique_ptr<Database> database_;  // the thread's own
  bool was_connected_ = false;
  std::chrono::steady_clock::time_point failed_at_{};
  std::string failure_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace gatehouse::ca
