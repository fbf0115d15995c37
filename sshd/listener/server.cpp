#include "sshd/listener/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "daemon/log.h"

namespace gatehouse::sshd {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds until_listening{3000};
constexpr milliseconds between_questions{1000};
constexpr milliseconds between_looks_at_certificates{2000};

bool is_root() { return geteuid() == 0; }

/// An account that a keyword names. It must not be root: the process behind it would not be confined.
Result<Account> service_account(const std::string& keyword, const std::string& name) {
  auto account = find_account(name);
  if (!account) return problem(account.error().what, keyword, account.error().mend);
  if (account->uid == 0) return problem("must not be root", keyword, "name an account of its own");
  return account;
}

pkcs11::SignerSettings signer_of(const Settings& settings, const std::string& folder) {
  pkcs11::SignerSettings result;
  result.purpose = pkcs11::Purpose::host;
  result.module = settings.pkcs11_provider;
  result.pin_source = settings.pkcs11_pin_source;
  result.keys = settings.host_keys;
  result.socket_path = folder + "/signer";
  if (is_root()) {
    if (auto account = find_account(settings.signer_user)) result.account = std::move(*account);
  }
  return result;
}

bool same_signer(const Settings& a, const Settings& b) {
  return a.pkcs11_provider == b.pkcs11_provider && a.pkcs11_pin_source == b.pkcs11_pin_source && a.host_keys == b.host_keys &&
         a.signer_user == b.signer_user;
}

Result<void> make_folder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return problem(fmt::format("mkdir: {}", std::strerror(errno)), path, "set RuntimeDirectory to a folder that can be made");
  }
  struct stat about {};
  if (lstat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 022) != 0) {
    return problem("must be a folder of ours that nobody else can write", path, "remove it, or set RuntimeDirectory");
  }
  if ((about.st_mode & 07777) != mode && chmod(path.c_str(), mode) != 0)
    return problem(fmt::format("chmod: {}", std::strerror(errno)), path);
  return {};
}

/// A mistake found in the surroundings, with the line that named the value. @param mistake  `where` is the value, or the keyword
Problem with_line(const Settings& settings, Problem mistake) {
  const auto at = [&](const std::string& keyword) {
    std::string name = keyword;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto place = settings.places.find(name);
    const std::string value = mistake.where == keyword || mistake.where.empty() ? "" : mistake.where + ": ";
    return Problem{keyword + ": " + value + mistake.what, place == settings.places.end() ? "" : place->second, mistake.mend};
  };
  const auto named_in = [&mistake](const std::string& value) {
    return !value.empty() && !mistake.where.empty() && value.find(mistake.where) != std::string::npos;
  };
  for (const char* keyword : {"PreauthUser", "AuthorizerUser", "SignerUser"}) {
    if (mistake.where == keyword) return at(keyword);
  }
  if (named_in(settings.pkcs11_pin_source)) return at("PKCS11PinSource");
  if (named_in(settings.pkcs11_provider)) return at("PKCS11Provider");
  if (std::any_of(settings.host_keys.begin(), settings.host_keys.end(), named_in)) return at("HostKey");
  return mistake;
}

std::string own_program() {
  char path[PATH_MAX] = {};
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

Result<void> Server::check(const Configuration& configuration) {
  const Settings& settings = configuration.global();
  if (is_root()) {
    for (const auto& [keyword, name] :
         {std::pair{"PreauthUser", settings.preauth_user}, std::pair{"AuthorizerUser", settings.authorizer_user},
          std::pair{"SignerUser", settings.signer_user}}) {
      if (auto account = service_account(keyword, name); !account) return tl::unexpected(with_line(settings, std::move(account.error())));
    }
  }
  if (auto checked = pkcs11::check(signer_of(settings, settings.runtime_directory)); !checked) {
    return tl::unexpected(with_line(settings, std::move(checked.error())));
  }
  return {};
}

Server::Server(Configuration configuration, LogTarget log, std::string folder)
    : image_{std::move(configuration), {}, {}, {}, {}, {}, is_root(), {}, {}, {}, {}},
      log_(std::move(log)),
      folder_(std::move(folder)),
      certificates_(image_.configuration.global().host_certificates) {
  const Settings& settings = image_.configuration.global();
  image_.identification = transport::our_identification(settings.version_addendum);
  image_.authorizer_socket = folder_ + "/authorizer";
  image_.signer_socket = folder_ + "/signer";
  image_.empty_root = folder_ + "/empty";
  if (const char* zone = std::getenv("TZ")) image_.time_zone = zone;
}

Result<void> Server::make_folders() {
  if (auto made = make_folder(folder_, 0700); !made) return made;
  lock_.reset(open((folder_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_ || flock(lock_.fd(), LOCK_EX | LOCK_NB) != 0) {
    return problem("another gatehouse-sshd uses this folder", folder_, "stop it, or give this one a RuntimeDirectory of its own");
  }
  return make_folder(image_.empty_root, 0755);
}

Result<Server::Surroundings> Server::look_up(const Settings& settings) const {
  Surroundings found;
  if (image_.privileged) {
    auto account = service_account("PreauthUser", settings.preauth_user);
    if (!account) return tl::unexpected(std::move(account.error()));
    found.preauth = std::move(*account);
  }
  auto audit = AuditLog::open(settings.audit_log);
  if (!audit) return problem(audit.error().what, settings.audit_log, "make its folder, or set AuditLog");
  found.audit = std::move(*audit);
  found.identification = transport::our_identification(settings.version_addendum);
  return found;
}

void Server::take_over(Surroundings surroundings) {
  image_.preauth = std::move(surroundings.preauth);
  image_.audit = std::move(surroundings.audit);
  image_.identification = std::move(surroundings.identification);
}

Result<void> Server::compile_sandbox() {
  auto sandbox = Sandbox::compile(SandboxKind::preauth);
  if (!sandbox) return tl::unexpected(std::move(sandbox.error()));
  image_.sandbox = std::move(*sandbox);
  return {};
}

pkcs11::SignerSettings Server::signer_settings() const { return signer_of(settings(), folder_); }

AuthorizerSettings Server::authorizer_settings() const {
  AuthorizerSettings result;
  result.program = own_program();
  result.socket_path = image_.authorizer_socket;
  if (image_.privileged) result.account = settings().authorizer_user;
  if (log_.file) result.log_options = {"--log-file", *log_.file};
  if (log_.to_stderr) result.log_options = {"--log-stderr", "yes"};
  result.log_options.insert(result.log_options.end(), {"--debug", std::to_string(log_.debug)});
  return result;
}

Result<void> Server::start_signer() {
  auto started = pkcs11::SignerProcess::start(signer_settings());
  if (!started) return tl::unexpected(std::move(started.error()));
  signer_ = std::move(*started);
  if (!signer_->wait_ready(until_listening)) log::warning("the signer is not ready yet");
  return {};
}

Result<Server> Server::start(Configuration configuration, const LogTarget& log, const std::string& folder) {
  if (auto checked = check(configuration); !checked) return tl::unexpected(std::move(checked.error()));
  Server server(std::move(configuration), log, folder);
  if (auto made = server.make_folders(); !made) return tl::unexpected(std::move(made.error()));
  auto found = server.look_up(server.settings());
  if (!found) return tl::unexpected(std::move(found.error()));
  server.take_over(std::move(*found));
  if (auto compiled = server.compile_sandbox(); !compiled) return tl::unexpected(std::move(compiled.error()));
  if (auto started = server.start_signer(); !started) return tl::unexpected(std::move(started.error()));
  server.ask_for_host_keys();
  auto process = AuthorizerProcess::start(server.authorizer_settings(), server.image_.configuration.serialize(),
                                          authorizer_setup(server.image_.host_keys));
  if (!process) {
    server.signer_->stop(milliseconds{1000});
    return tl::unexpected(std::move(process.error()));
  }
  server.authorizer_ = std::move(*process);
  return server;
}

Result<Server> Server::resume(CarriedState& state, const LogTarget& log, const std::string& folder) {
  auto configuration = Configuration::deserialize(state.configuration);
  if (!configuration) return tl::unexpected(std::move(configuration.error()));
  Server server(std::move(*configuration), log, folder);
  server.lock_.reset(state.lock);
  if (auto found = server.look_up(server.settings())) {
    server.take_over(std::move(*found));
  } else {
    log::error("{}", found.error().line());
  }
  if (auto compiled = server.compile_sandbox(); !compiled) return tl::unexpected(std::move(compiled.error()));
  for (authorizer::HostKey& carried : state.host_keys) {
    auto key = keys::PublicKey::parse(carried.key);
    if (key) server.image_.host_keys.push_back({std::move(*key), std::move(carried.certificates)});
  }
  server.certificates_.attach(server.image_.host_keys);
  if (state.signer.descriptors.size() == 2) {
    auto signer = pkcs11::SignerProcess::adopt(server.signer_settings(),
                                               {state.signer.pid, state.signer.descriptors[0], state.signer.descriptors[1]});
    if (signer) {
      server.signer_ = std::move(*signer);
    } else {
      log::error("the signer goes on, but is not supervised: {}", signer.error().line());
    }
  }
  const auto& carried = state.authorizer.descriptors;
  server.authorizer_ = AuthorizerProcess::adopt(
      server.authorizer_settings(), server.image_.configuration.serialize(), authorizer_setup(server.image_.host_keys),
      {state.authorizer.pid, carried.empty() ? -1 : carried[0], carried.size() < 2 ? -1 : carried[1]});
  return server;
}

void Server::carry(CarriedState& state) const {
  state.configuration = image_.configuration.serialize();
  state.host_keys = authorizer_setup(image_.host_keys).host_keys;
  state.lock = lock_.fd();
  if (signer_) {
    const auto signer = signer_->carry();
    state.signer = {signer.pid, {signer.listener, signer.memory}};
  }
  const auto authorizer = authorizer_->carry();
  state.authorizer = {authorizer.pid, {authorizer.listener}};
  if (authorizer.control >= 0) state.authorizer.descriptors.push_back(authorizer.control);
}

Result<Server> Server::join(Configuration configuration, const std::string& folder) {
  Server server(std::move(configuration), {}, folder);
  auto found = server.look_up(server.settings());
  if (!found) return tl::unexpected(std::move(found.error()));
  server.take_over(std::move(*found));
  if (auto compiled = server.compile_sandbox(); !compiled) return tl::unexpected(std::move(compiled.error()));
  server.ask_for_host_keys();
  return server;
}

void Server::ask_for_host_keys() {
  ask_again_ = Clock::now() + between_questions;
  auto keys = fetch_host_keys(image_.signer_socket, settings().host_keys.size());
  if (!keys) {
    const std::string trouble = keys.error().line();
    if (trouble != last_key_trouble_) log::error("no host keys, so no connections, until this is mended: {}", trouble);
    last_key_trouble_ = trouble;
    return;
  }
  last_key_trouble_.clear();
  image_.host_keys = std::move(*keys);
  certificates_.attach(image_.host_keys);
  ask_again_ = Clock::now() + between_looks_at_certificates;
  say_host_keys();
}

void Server::say_host_keys() const {
  for (const ServerHostKey& host : image_.host_keys) {
    log::info("Host key {}{}", host.key.fingerprint(), host.certificates.empty() ? "" : " with certificate");
  }
}

void Server::host_keys_changed() {
  if (authorizer_) authorizer_->change(image_.configuration.serialize(), authorizer_setup(image_.host_keys));
}

Server::Milliseconds Server::tick() {
  auto next = authorizer_->tick();
  if (signer_) next = std::min(next, signer_->tick());
  const auto now = Clock::now();
  if (now >= ask_again_) {
    if (!has_host_keys()) {
      ask_for_host_keys();
      if (has_host_keys()) host_keys_changed();
    } else {
      ask_again_ = now + between_looks_at_certificates;
      if (certificates_.changed()) {
        certificates_.attach(image_.host_keys);
        host_keys_changed();
      }
    }
  }
  return std::clamp(std::min(next, std::chrono::ceil<milliseconds>(ask_again_ - Clock::now())), milliseconds{1}, milliseconds{60000});
}

/// At a path of its own; the caller moves it to the one that monitors know.
Result<Server::NewSigner> Server::start_signer_beside(const Settings& settings) const {
  pkcs11::SignerSettings use = signer_of(settings, folder_);
  use.socket_path += ".new";
  auto started = pkcs11::SignerProcess::start(std::move(use));
  if (!started) return tl::unexpected(std::move(started.error()));
  if (!started->wait_ready(until_listening)) log::warning("the new signer is not ready yet");
  auto keys = fetch_host_keys(started->socket_path(), settings.host_keys.size());
  if (keys) return NewSigner{std::move(*started), std::move(*keys)};
  // Where there are no host keys as it is, nothing can be lost, and the token may come back.
  if (!has_host_keys()) return NewSigner{std::move(*started), {}};
  started->stop(milliseconds{1000});
  return tl::unexpected(std::move(keys.error()));
}

Result<void> Server::reload(Configuration configuration) {
  if (const Problems problems = configuration.startup_problems(); !problems.empty()) return tl::unexpected(problems.front());
  if (auto checked = check(configuration); !checked) return checked;
  auto found = look_up(configuration.global());
  if (!found) return tl::unexpected(std::move(found.error()));
  std::optional<NewSigner> signer;
  if (!signer_ || !same_signer(settings(), configuration.global())) {
    auto started = start_signer_beside(configuration.global());
    if (!started) return tl::unexpected(std::move(started.error()));
    if (auto moved = started->process.move_socket(image_.signer_socket); !moved) {
      started->process.stop(milliseconds{1000});
      return moved;
    }
    signer = std::move(*started);
  }

  // From here on nothing fails.
  take_over(std::move(*found));
  image_.configuration = std::move(configuration);
  if (signer) {
    if (signer_) signer_->release();
    signer_ = std::move(signer->process);
    image_.host_keys = std::move(signer->keys);
  }
  certificates_ = HostCertificates(this->settings().host_certificates);
  if (!has_host_keys()) {
    ask_for_host_keys();
  } else {
    for (ServerHostKey& host : image_.host_keys) host.certificates.clear();
    certificates_.attach(image_.host_keys);
    if (signer) say_host_keys();
  }
  host_keys_changed();
  return {};
}

bool Server::exited(pid_t pid, int status) {
  return (signer_ && signer_->exited(pid, status)) || (authorizer_ && authorizer_->exited(pid, status));
}

void Server::release() {
  if (signer_) signer_->release();
  authorizer_.reset();  // its control socket closes: it goes when its last client has gone
}

void Server::stop() {
  if (authorizer_) authorizer_->stop();
  if (signer_) signer_->stop(milliseconds{2000});
}

}  // namespace gatehouse::sshd
