#include "ca/front/issuer_pool.h"

#include "daemon/log.h"

namespace gatehouse::ca {
namespace {

constexpr std::chrono::seconds connect_limit{2};

Answer unavailable(ProblemType type, std::string detail) {
  return {ProblemDocument{type, std::move(detail), {}, std::chrono::seconds(2)}, {}};
}

}  // namespace

IssuerPool::IssuerPool(Settings settings) : settings_(std::move(settings)) {
  for (unsigned i = 0; i < settings_.threads; ++i) threads_.emplace_back([this] { work(); });
}

IssuerPool::~IssuerPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    waiting_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void IssuerPool::ask(Ask question, std::optional<Password> password, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < settings_.max_waiting && !ending_) {
      waiting_.push_back({std::move(question), std::move(password), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(unavailable(ProblemType::rate_limited, "the CA has too many requests to answer; try again in a moment"));
}

void IssuerPool::work() {
  std::optional<IssuerConnection> connection;
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job.done(answer(connection, job));
  }
}

Answer IssuerPool::answer(std::optional<IssuerConnection>& connection, const Job& job) const {
  // An issuer that was restarted has closed the connection: that shows before anything is asked.
  if (connection && !connection->alive()) connection.reset();
  if (!connection) {
    auto fresh = IssuerConnection::connect(settings_.issuer_socket, connect_limit);
    if (!fresh) {
      log::warning("no connection to the issuer: {}", fresh.error().line());
      return unavailable(ProblemType::ca_unavailable, "the issuer of the CA does not answer; nothing was issued");
    }
    connection = std::move(*fresh);
  }
  auto answer = connection->ask(job.ask, job.password, settings_.timeout);
  if (!answer) {
    log::warning("no answer of the issuer: {}", answer.error().line());
    connection.reset();
    return unavailable(ProblemType::ca_unavailable, "the issuer of the CA did not answer in time");
  }
  return std::move(*answer);
}

}  // namespace gatehouse::ca
