/// A real PostgreSQL server for tests.
#pragma once

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/unit/ca/directory/child_process.h"

namespace gatehouse::test {

class RealPostgresql {
 public:
  RealPostgresql() {
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql")) programs_ = (entry.path() / "bin").string();
    // The server does not run as root.
    if (::geteuid() == 0) {
      const passwd* account = ::getpwnam("postgres");
      uid_ = account->pw_uid;
      gid_ = account->pw_gid;
      if (::chown(folder_.path().c_str(), uid_, gid_) != 0) std::abort();
    }
    ChildProcess initdb({programs_ + "/initdb", "-D", data(), "-U", "gatehouse", "-A", "trust", "-N", "--locale=C", "-E", "UTF8"}, log(),
                        uid_, gid_);
    if (initdb.wait() != 0) ADD_FAILURE() << said();
  }

  void start() {
    server_ = ChildProcess({programs_ + "/postgres", "-D", data(), "-c", "listen_addresses=", "-c",
                            "unix_socket_directories=" + folder_.path(), "-c", "max_connections=50", "-c", "fsync=off"},
                           log(), uid_, gid_);
    for (int i = 0; i < 300; ++i) {
      if (run({programs_ + "/pg_isready", "-q", "-h", folder_.path(), "-U", "gatehouse"}, "/dev/null") == 0) return;
      if (!server_.running()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    FAIL() << said();
  }
  ~RealPostgresql() { server_.stop(SIGQUIT); }
  RealPostgresql(const RealPostgresql&) = delete;
  RealPostgresql& operator=(const RealPostgresql&) = delete;
  /// Fast shutdown: connections are cut.
  void stop() { server_.stop(SIGINT); }
  ChildProcess& process() { return server_; }

  /// A new, empty database. @return libpq's connection text
  std::string new_database() {
    const std::string name = "ledger" + std::to_string(++databases_);
    EXPECT_EQ(run({programs_ + "/createdb", "-h", folder_.path(), "-U", "gatehouse", name}, "/dev/null"), 0);
    return "host=" + folder_.path() + " user=gatehouse dbname=" + name;
  }

 private:
  std::string data() const { return folder_.path("data"); }
  std::string log() const { return folder_.path("log"); }
  std::string said() const {
    std::ostringstream out;
    out << std::ifstream(log()).rdbuf();
    return out.str();
  }

  TemporaryFolder folder_;
  std::string programs_;
  uid_t uid_ = static_cast<uid_t>(-1);
  gid_t gid_ = static_cast<gid_t>(-1);
  ChildProcess server_;
  int databases_ = 0;
};

}  // namespace gatehouse::test
