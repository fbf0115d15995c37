/// gatehouse-signer: the only kind of process that ever loads a PKCS#11 module.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "daemon/account.h"
#include "daemon/audit.h"
#include "daemon/log.h"
#include "pkcs11/signer/manager.h"
#include "pkcs11/signer/options.h"
#include "pkcs11/signer/server.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr int exit_done = 0;
constexpr int exit_refused = 1;
constexpr int exit_usage = 2;

int refuse(const Problem& why) {
  log::error("{}", why.line());
  return exit_refused;
}

/// Nothing that came with this process but what it was told to use; nothing of it for others to look into.
void harden(const SignerOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);  // a module's own connections: p11-kit's client dies of it
  ::umask(077);
  const std::array given{options.pin_fd, options.listen_fd, options.connection_fd, options.ready_fd, options.memory_fd};
  close_all_but(given);
  for (const int fd : given) {
    if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  forbid_dumps();
  forbid_new_privileges();
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

/// Blocked before the first thread starts, so that no thread (nor one of the module's) takes one.
int signals_as_descriptor() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

SigningRecord record_in(AuditLog* signed_log) {
  return [signed_log](const SigningNote& note, const keys::PublicKey& key, keys::SignatureAlgorithm algorithm, Bytes data) -> Result<void> {
    if (signed_log == nullptr) return {};
    AuditLine line("signed");
    line.text("kind", note.kind).text("key", key.fingerprint()).text("algorithm", keys::signature_name(algorithm));
    line.text("sha256", hex(crypto::hash(crypto::Digest::sha256, data)));
    if (note.serial) line.serial("serial", *note.serial);
    if (!note.key_id.empty()) line.text("key_id", note.key_id);
    return signed_log->write(line);
  };
}

int manage(const SignerOptions& options) {
  auto module = Module::load(options.module);
  if (!module) return refuse(module.error());
  PinSource pin{UniqueFd(options.pin_fd), UniqueFd(options.memory_fd)};
  Watchdog watchdog;
  manage_keys(FrameSocket(UniqueFd(options.connection_fd)), *module, *options.token, pin, watchdog);
  return exit_done;
}

int serve(SignerOptions options, int signals) {
  std::unique_ptr<CaJudge> ca_judge;
  if (options.purpose == Purpose::ca) {
    auto limits = Limits::load(options.limits_file);
    if (!limits) return refuse(limits.error());
    auto made = CaJudge::make(*limits, options.keys);
    if (!made) return refuse(made.error());
    ca_judge = *std::move(made);
  }
  AuditLog signed_log;
  if (!options.signed_log_file.empty()) {
    auto opened = AuditLog::open(options.signed_log_file);
    if (!opened) return refuse(opened.error());
    signed_log = *std::move(opened);
  }
  auto module = Module::load(options.module);
  if (!module) return refuse(module.error());
  PinSource pin{UniqueFd(options.pin_fd), UniqueFd(options.memory_fd)};
  Watchdog watchdog;
  TokenServiceSettings settings;
  settings.keys = std::move(options.keys);
  settings.sign_limit = options.sign_limit;
  TokenService service(*std::move(module), std::move(settings), pin, watchdog,
                       record_in(options.signed_log_file.empty() ? nullptr : &signed_log));
  SignerServer server({options.purpose, options.peer_uids}, UniqueFd(options.listen_fd), service, std::move(ca_judge));
  if (options.ready_fd >= 0) {
    // The socket listens already; who connects from now on waits in its queue for moments at most.
    [[maybe_unused]] const ssize_t told = ::write(options.ready_fd, "r", 1);
    ::close(options.ready_fd);
  }
  const auto served = server.run(signals);
  return served ? exit_done : refuse(served.error());
}

int run(std::span<const std::string> arguments) {
  auto options = parse_signer_options(arguments);
  if (!options) {
    std::fprintf(stderr, "gatehouse-signer: %s\n", options.error().line().c_str());
    return exit_usage;
  }
  if (options->help) {
    std::fwrite(signer_usage.data(), 1, signer_usage.size(), stdout);
    return exit_done;
  }
  log::open({"gatehouse-signer", {}, options->syslog, log::Level::info});
  log::set_part(std::string(purpose_name(options->purpose)));
  harden(*options);
  if (options->purpose == Purpose::manage) return manage(*options);
  const int signals = signals_as_descriptor();
  if (signals < 0) return refuse({std::string("signalfd: ") + std::strerror(errno), {}, {}});
  return serve(*std::move(options), signals);
}

}  // namespace

}  // namespace gatehouse::pkcs11

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return gatehouse::pkcs11::run(arguments);
}
