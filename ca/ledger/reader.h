/// Questions to the ledger, one after another on a connection of their own, so that none waits for a commit.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "ca/ledger/database.h"
#include "ca/ledger/ledger.h"

namespace gatehouse::ca {

/// A thread of its own, because libpq has no time limit for a server that stands still: the caller goes, the thread waits.
class Reader {
 public:
  explicit Reader(LedgerSettings settings);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// @param question  may be asked twice, the second time on a new connection, and may be asked when the caller has gone: it owns what it
  /// uses
  LedgerResult<void> ask(std::function<void(Database&)> question);

 private:
  struct Job {
    std::function<void(Database&)> question;
    std::promise<LedgerResult<void>> answer;
  };
  void loop();
  LedgerResult<void> run(const Job& job);

  const LedgerSettings settings_;
  std::unique_ptr<Database> database_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace gatehouse::ca
