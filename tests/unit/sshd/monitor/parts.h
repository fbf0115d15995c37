/// What a monitor talks to: the real authorizer and, in the place of the token, a signer with a key in memory, each a process of its own.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "pkcs11/client/messages.h"
#include "sshd/authorizer/authorizer.h"
#include "sshd/authorizer/client.h"
#include "sshd/monitor/connection_audit.h"
#include "sshd/monitor/key_exchange_service.h"
#include "tests/unit/sshd/authorizer/exchange.h"
#include "tests/unit/sshd/authorizer/files.h"

namespace gatehouse::sshd::test {

class MonitorParts : public Folder {
 protected:
  void SetUp() override {
    Folder::SetUp();
    put("ca.pub", ca().public_key().line() + "\n");
    keys::Krl krl;
    put("krl", krl.write());
    const auto own = own_account();
    ASSERT_TRUE(own);
    user_ = own->name;
    (void)host_key();
    start_signer();
    start_authorizer();
  }
  void TearDown() override {
    control_.reset();
    for (const pid_t pid : processes_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    Folder::TearDown();
  }

  /// What a listener knows. @param more  text of the configuration
  void configure(const std::string& more = "") {
    auto configuration =
        Configuration::parse(more + "\nTrustedUserCAKeys " + path("ca.pub") + "\nRevokedKeys " + path("krl") + "\n", "test");
    ASSERT_TRUE(configuration) << configuration.error()[0].line();
    authorizer::Setup setup;
    setup.host_keys = {{host_key(), {}}};
    const auto ready = control_->setup(configuration->serialize(), setup, std::chrono::seconds(10));
    ASSERT_TRUE(ready) << ready.error().line();
    ASSERT_TRUE(ready->problems.empty()) << ready->problems[0];
    image_.emplace(ServerImage{std::move(*configuration), {}, {}, path("authorizer"), path("signer"), {}, geteuid() == 0, {}, {}, {}, {}});
    image_->host_keys.push_back({key_of(keys::KeyType::ed25519, 4).public_key(), {}});
    auto log = AuditLog::open(path("audit.json"));
    ASSERT_TRUE(log) << log.error().line();
    image_->audit = std::move(*log);
    audit_.emplace(image_->audit, "c0ffee", ends_);
    auto client = AuthorizerClient::open(path("authorizer"), {"c0ffee", "192.0.2.7", 40022, "127.0.0.1", 22, cookie(1)});
    ASSERT_TRUE(client) << client.error().line();
    keys_.emplace(std::move(*client), *image_);
  }

  /// A certificate for ourselves that is valid now.
  ByteVector certificate_for(const std::string& principal) const {
    keys::CertificateFields fields = good_fields();
    fields.principals = {principal};
    fields.valid_after = static_cast<std::uint64_t>(::time(nullptr)) - 60;
    fields.valid_before = fields.valid_after + 3600;
    return certificate(fields);
  }

  /// The lines of the audit log that hold all of these words.
  std::vector<std::string> audit_lines(const std::vector<std::string>& words) const {
    std::vector<std::string> found;
    std::istringstream text(get("audit.json"));
    for (std::string line; std::getline(text, line);) {
      bool all = true;
      for (const std::string& word : words) all = all && line.find(word) != std::string::npos;
      if (all) found.push_back(line);
    }
    return found;
  }

  Endpoints ends_{"192.0.2.7", 40022, "127.0.0.1", 22};
  std::string user_;
  std::optional<ServerImage> image_;
  std::optional<ConnectionAudit> audit_;
  std::optional<KeyExchangeService> keys_;
  std::vector<pid_t> processes_;

 private:
  void start_authorizer() {
    auto listen = listen_unix(path("authorizer"), 0600);
    ASSERT_TRUE(listen) << listen.error().line();
    auto control = FrameSocket::pair();
    ASSERT_TRUE(control);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      control->first.close();
      AuthorizerOptions options;
      options.control = control->second.take();
      options.listen = std::move(*listen);
      options.peer_uid = ::getuid();
      ::_exit(run_authorizer(std::move(options)));
    }
    processes_.push_back(pid);
    control_.emplace(std::move(control->first));
  }

  void start_signer() {
    auto listen = listen_unix(path("signer"), 0600);
    ASSERT_TRUE(listen) << listen.error().line();
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      while (true) {
        FrameSocket client(UniqueFd(::accept4(listen->fd(), nullptr, nullptr, SOCK_CLOEXEC)));
        while (const auto frame = client.receive(std::chrono::minutes(1))) {
          const auto request = pkcs11::parse_request(frame->payload);
          if (!request) break;
          pkcs11::Answer answer = pkcs11::Welcome{};
          if (const auto* asked = std::get_if<pkcs11::SignExchangeHash>(&*request)) {
            answer = pkcs11::Signed{*key_of(keys::KeyType::ed25519, 4).sign(asked->algorithm, asked->hash)};
          }
          if (!client.send(pkcs11::write_answer(answer), std::chrono::seconds(5))) break;
        }
      }
    }
    processes_.push_back(pid);
  }

  std::optional<AuthorizerControl> control_;
};

}  // namespace gatehouse::sshd::test
