#include "sshd/monitor/connection_audit.h"

#include <gtest/gtest.h>

#include "tests/unit/sshd/authorizer/files.h"

namespace gatehouse::sshd {
namespace {

class ConnectionAuditTest : public test::Folder {
 protected:
  void SetUp() override {
    Folder::SetUp();
    auto log = AuditLog::open(path("audit.json"));
    ASSERT_TRUE(log);
    log_ = std::move(*log);
  }
  std::vector<std::string> login(const Grant& grant, const Account& account) {
    ConnectionAudit audit(log_, "c0ffee", {"192.0.2.7", 40022, "127.0.0.1", 22});
    audit.set_user(account.name, true);
    EXPECT_TRUE(audit.login(grant, account));
    std::vector<std::string> lines;
    std::ifstream file(path("audit.json"));
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  AuditLog log_;
};

TEST_F(ConnectionAuditTest, ASessionOfRootIsOneByItsUid) {
  const auto toor = login({}, {"toor", 0, 0, "/root", "/bin/sh"});
  ASSERT_EQ(toor.size(), 1U);
  EXPECT_NE(toor[0].find("\"root_session\":true"), std::string::npos);
  const auto both = login({}, {"root", 1000, 1000, "/home/root", "/bin/sh"});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[1].find("root_session"), std::string::npos) << "a name makes nobody root";
}

TEST_F(ConnectionAuditTest, BreakGlassIsALoudEventOfItsOwn) {
  Grant grant;
  grant.break_glass = true;
  grant.principal = "alice";
  grant.valid_before = 1'700'003'600;
  grant.certificate.serial = 7;
  grant.certificate.key_id = "envelope 3";
  grant.certificate.ca_fingerprint = "SHA256:offline";
  const auto lines = login(grant, {"alice", 1000, 1000, "/home/alice", "/bin/sh"});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[0].find("\"event\":\"break_glass\""), std::string::npos) << lines[0];
  for (const char* member : {"\"user\":\"alice\"", "\"address\":\"192.0.2.7\"", "\"serial\":\"7\"", "\"key_id\":\"envelope 3\"",
                             "\"ca\":\"SHA256:offline\"", "\"connection\":\"c0ffee\""}) {
    EXPECT_NE(lines[0].find(member), std::string::npos) << member << " in " << lines[0];
  }
  EXPECT_NE(lines[1].find("\"event\":\"login\""), std::string::npos);
}

TEST_F(ConnectionAuditTest, BreakGlassThatCannotBeWrittenDownIsNoLogin) {
  AuditLog none;
  ConnectionAudit audit(none, "c0ffee", {});
  Grant grant;
  grant.break_glass = true;
  EXPECT_FALSE(audit.login(grant, {"alice", 1000, 1000, "/", "/bin/sh"}));
}

}  // namespace
}  // namespace gatehouse::sshd
