#include "sshd/session/environment.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatehouse::sshd {
namespace {

const Account alice{"alice", 1000, 1000, "/home/alice", "/bin/bash"};
const Endpoints ends{"192.0.2.7", 50000, "192.0.2.1", 22};

bool has(const std::vector<std::string>& environment, const std::string& line) {
  return std::count(environment.begin(), environment.end(), line) == 1;
}

std::size_t how_often(const std::vector<std::string>& environment, const std::string& name) {
  return static_cast<std::size_t>(
      std::count_if(environment.begin(), environment.end(), [&](const std::string& line) { return line.rfind(name + "=", 0) == 0; }));
}

EnvironmentFacts facts_of(const Account& account) { return EnvironmentFacts{account, ends, {}, {}, {}, {}, {}, {}}; }

TEST(Environment, HasWhatOpenSshSets) {
  auto facts = facts_of(alice);
  facts.terminal = "/dev/pts/3";
  facts.terminal_type = "xterm";
  facts.time_zone = "UTC";
  facts.original_command = "ls -l";
  const auto environment = build_environment(facts);
  for (const char* line : {"USER=alice", "LOGNAME=alice", "HOME=/home/alice", "SHELL=/bin/bash", "MAIL=/var/mail/alice", "TZ=UTC",
                           "SSH_CLIENT=192.0.2.7 50000 22", "SSH_CONNECTION=192.0.2.7 50000 192.0.2.1 22", "SSH_TTY=/dev/pts/3",
                           "TERM=xterm", "SSH_ORIGINAL_COMMAND=ls -l"}) {
    EXPECT_TRUE(has(environment, line)) << line;
  }
}

TEST(Environment, LeavesOutWhatThereIsNot) {
  const auto environment = build_environment(facts_of(alice));
  for (const char* name : {"TZ", "SSH_TTY", "TERM", "SSH_ORIGINAL_COMMAND"}) EXPECT_EQ(how_often(environment, name), 0U) << name;
}

TEST(Environment, WhatTheClientSendsOverridesNothing) {
  auto facts = facts_of(alice);
  facts.from_client = {{"PATH", "/evil"}, {"SSH_CLIENT", "no"}, {"HOME", "/"}, {"LANG", "C.UTF-8"}};
  facts.original_command = "true";
  facts.from_client.emplace_back("SSH_ORIGINAL_COMMAND", "false");
  const auto environment = build_environment(facts);
  EXPECT_TRUE(has(environment, "LANG=C.UTF-8"));
  EXPECT_TRUE(has(environment, "HOME=/home/alice"));
  EXPECT_TRUE(has(environment, "SSH_ORIGINAL_COMMAND=true"));
  for (const char* name : {"PATH", "SSH_CLIENT", "HOME"}) EXPECT_EQ(how_often(environment, name), 1U) << name;
  EXPECT_FALSE(has(environment, "PATH=/evil"));
}

TEST(Environment, RootHasTheDirectoriesOfRoot) {
  const Account root{"root", 0, 0, "/root", ""};
  const auto environment = build_environment(facts_of(root));
  EXPECT_TRUE(has(environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
  EXPECT_TRUE(has(environment, "SHELL=/bin/sh")) << "an empty shell field means /bin/sh";
}

TEST(Environment, RefusesNamesAndValuesThatWouldBreakALine) {
  EXPECT_TRUE(fit_for_environment("LC_ALL", "C"));
  EXPECT_TRUE(fit_for_environment("LC_ALL", ""));
  EXPECT_FALSE(fit_for_environment("", "x"));
  EXPECT_FALSE(fit_for_environment("A=B", "x"));
  EXPECT_FALSE(fit_for_environment(std::string_view("A\0B", 3), "x"));
  EXPECT_FALSE(fit_for_environment("A", std::string_view("x\0y", 3)));
  EXPECT_FALSE(fit_for_environment(std::string(257, 'A'), "x"));
  EXPECT_FALSE(fit_for_environment("A", std::string(32769, 'x')));
}

}  // namespace
}  // namespace gatehouse::sshd
