#include "ca/ledger/reader.h"

#include <utility>

namespace gatehouse::ca {

namespace {

constexpr std::size_t max_queue = 8192;

tl::unexpected<LedgerError> unavailable(std::string text) {
  return tl::unexpected<LedgerError>(LedgerError{LedgerFault::unavailable, std::move(text)});
}

}  // namespace

Reader::Reader(LedgerSettings settings) : settings_(std::move(settings)), thread_([this] { loop(); }) {}

Reader::~Reader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

LedgerResult<void> Reader::ask(std::function<void(Database&)> question) {
  auto job = std::make_shared<Job>();
  job->question = std::move(question);
  auto answer = job->answer.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= max_queue) return unavailable("too many wait for the ledger");
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  if (answer.wait_for(3 * settings_.timeout) != std::future_status::ready) return unavailable("no answer in time");
  return answer.get();
}

void Reader::loop() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job->answer.set_value(run(*job));
  }
}

LedgerResult<void> Reader::run(const Job& job) {
  for (bool last = database_ == nullptr;; last = true) {
    try {
      if (database_ == nullptr) database_ = Database::connect(settings_, false);
      database_->check_same_file();
      job.question(*database_);
      return {};
    } catch (const DatabaseError& error) {
      database_.reset();
      if (last) return unavailable(error.what());
    }
  }
}

}  // namespace gatehouse::ca
