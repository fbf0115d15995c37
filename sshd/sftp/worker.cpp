#include "sshd/sftp/worker.h"

#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "daemon/unique_fd.h"

namespace gatehouse::sshd {

struct SftpWorker::Shared {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<ByteVector> requests;
  std::size_t request_octets = 0;
  std::deque<ByteVector> answers;
  std::size_t answer_octets = 0;
  std::size_t front_taken = 0;  // of the first answer
  std::vector<SftpFact> facts;
  bool input_ended = false;
  bool abandoned = false;  // nobody listens any more
  bool ended = false;
  int exit_status = 0;
  UniqueFd event;

  void signal() const {
    const std::uint64_t one = 1;
    (void)!::write(event.fd(), &one, sizeof one);
  }
};

namespace {

/// Signals are for the session's own thread.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

/// Working directory and umask of this thread alone: other channels of the session keep theirs.
void enter(const SftpOptions& options, const std::string& home) {
  const bool own = ::unshare(CLONE_FS) == 0;
  if (own && options.umask) ::umask(*options.umask);
  if (own && ::chdir(home.c_str()) != 0 && ::chdir("/") != 0) return;
  if (own && !options.start_directory.empty()) (void)!::chdir(options.start_directory.c_str());
}

}  // namespace

Result<SftpWorker> SftpWorker::start(SftpOptions options, const std::string& home) {
  auto shared = std::make_shared<Shared>();
  shared->event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->event) return problem(std::string("eventfd: ") + std::strerror(errno));
  const auto serve = [shared, options = std::move(options), home]() mutable {
    block_signals();
    enter(options, home);
    const auto tell = [&](const SftpFact& fact) {
      const std::lock_guard lock(shared->mutex);
      if (!shared->abandoned) shared->facts.push_back(fact);
      shared->signal();
    };
    int exit_status = 0;
    {
      FileServer server(std::move(options), tell);
      while (true) {
        ByteVector request;
        {
          std::unique_lock lock(shared->mutex);
          shared->changed.wait(lock, [&] {
            return shared->abandoned || (!shared->requests.empty() && shared->answer_octets < max_waiting) ||
                   (shared->requests.empty() && shared->input_ended);
          });
          if (shared->abandoned || shared->requests.empty()) break;
          request = std::move(shared->requests.front());
          shared->requests.pop_front();
          shared->request_octets -= request.size();
        }
        ByteVector answer = server.answer(request);
        const std::lock_guard lock(shared->mutex);
        if (answer.empty()) {
          exit_status = 1;
          break;
        }
        shared->answer_octets += answer.size();
        shared->answers.push_back(std::move(answer));
        shared->signal();
      }
    }
    const std::lock_guard lock(shared->mutex);
    shared->exit_status = exit_status;
    shared->ended = true;
    shared->signal();
  };
  try {
    std::thread(serve).detach();
  } catch (const std::system_error& failure) {
    return problem(std::string("no thread for SFTP: ") + failure.what());
  }
  return SftpWorker(std::move(shared));
}

SftpWorker::~SftpWorker() {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->abandoned = true;
  shared_->changed.notify_all();
}

int SftpWorker::ready() const { return shared_->event.fd(); }

void SftpWorker::acknowledge() {
  std::uint64_t count;
  (void)!::read(shared_->event.fd(), &count, sizeof count);
}

bool SftpWorker::feed(Bytes octets) {
  partial_.insert(partial_.end(), octets.begin(), octets.end());
  std::size_t at = 0;
  bool good = true;
  {
    const std::lock_guard lock(shared_->mutex);
    while (partial_.size() - at >= 4) {
      const std::uint32_t length = WireReader(Bytes(partial_).subspan(at)).uint32();
      if (length == 0 || length > sftp::max_message) {
        good = false;
        break;
      }
      if (partial_.size() - at - 4 < length) break;
      const auto begin = partial_.begin() + static_cast<std::ptrdiff_t>(at + 4);
      shared_->requests.emplace_back(begin, begin + length);
      shared_->request_octets += length;
      at += 4 + length;
    }
  }
  partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(at));
  shared_->changed.notify_all();
  return good;
}

bool SftpWorker::wants_input() const {
  const std::lock_guard lock(shared_->mutex);
  return !shared_->ended && shared_->request_octets < max_waiting && shared_->answer_octets < max_waiting;
}

void SftpWorker::end_of_input() {
  const std::lock_guard lock(shared_->mutex);
  shared_->input_ended = true;
  shared_->changed.notify_all();
}

ByteVector SftpWorker::take_output(std::size_t limit) {
  const std::lock_guard lock(shared_->mutex);
  ByteVector out;
  while (!shared_->answers.empty() && out.size() < limit) {
    ByteVector& front = shared_->answers.front();
    const std::size_t count = std::min(limit - out.size(), front.size() - shared_->front_taken);
    const auto begin = front.begin() + static_cast<std::ptrdiff_t>(shared_->front_taken);
    out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
    shared_->front_taken += count;
    shared_->answer_octets -= count;
    if (shared_->front_taken == front.size()) {
      shared_->answers.pop_front();
      shared_->front_taken = 0;
    }
  }
  shared_->changed.notify_all();
  return out;
}

std::vector<SftpFact> SftpWorker::take_facts() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->facts, {});
}

std::optional<int> SftpWorker::finished() const {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->ended || !shared_->answers.empty() || !shared_->facts.empty()) return std::nullopt;
  return shared_->exit_status;
}

}  // namespace gatehouse::sshd
