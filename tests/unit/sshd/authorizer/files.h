/// A folder of its own for each test, and stock ssh-keygen in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "protocol/core/bytes.h"

namespace gatehouse::sshd::test {

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "gatehouse-authorizer-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  /// Beside and renamed into place, as those who replace these files do.
  std::string put(const std::string& name, Bytes content) const {
    std::ofstream(path(name + ".new"), std::ios::binary) << as_text(content);
    std::filesystem::rename(path(name + ".new"), path(name));
    return path(name);
  }
  std::string put(const std::string& name, std::string_view content) const { return put(name, as_bytes(content)); }
  std::string get(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Runs in the folder. @return whether it succeeded
  bool run(const std::string& command) const {
    return std::system(("cd '" + folder_ + "' && { " + command + "; } >/dev/null 2>&1").c_str()) == 0;
  }

  std::string folder_;
};

}  // namespace gatehouse::sshd::test
