// What can happen to a SQLite file under a running CA.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ca/ledger/ledger.h"
#include "tests/unit/ca/directory/child_process.h"
#include "tests/unit/ca/ledger/sample_rows.h"

namespace gatehouse::ca {
namespace {

using test::sample;

class OnAFile : public testing::Test {
 protected:
  OnAFile() {
    std::filesystem::create_directory(folder_.path("data"));
    settings_.path = folder_.path("data/ledger.db");
    settings_.node = "n";
    settings_.timeout = std::chrono::milliseconds(500);
  }
  std::unique_ptr<Ledger> opened() { return std::move(*Ledger::open(settings_)); }
  std::string record(Ledger& ledger) {
    ++count_;
    std::this_thread::sleep_for(std::chrono::milliseconds(210));  // the pause after a failure
    const auto answer = ledger.record(sample(count_, std::to_string(count_)).intent);
    return answer ? "done" : std::string(fault_name(answer.error().fault));
  }

  test::TemporaryFolder folder_;
  LedgerSettings settings_;
  std::uint64_t count_ = 0;
};

TEST_F(OnAFile, IsMadeForItsOwnerOnly) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  struct stat about {};
  ASSERT_EQ(::stat(settings_.path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
}

TEST_F(OnAFile, AFolderThatIsNotThereYetIsWaitedFor) {
  settings_.path = folder_.path("later/ledger.db");
  auto ledger = opened();
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
  EXPECT_FALSE(ledger->health().writable);
  std::filesystem::create_directory(folder_.path("later"));
  EXPECT_EQ(record(*ledger), "done");
}

TEST_F(OnAFile, AFileThatWasMovedAwayIsMissedAndTheSameOneFoundAgain) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  std::filesystem::rename(folder_.path("data"), folder_.path("elsewhere"));
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
  EXPECT_FALSE(std::filesystem::exists(settings_.path));  // a new, empty one would forget every nonce
  EXPECT_FALSE(ledger->find_serial(1));
  std::filesystem::rename(folder_.path("elsewhere"), folder_.path("data"));
  EXPECT_EQ(record(*ledger), "done");
  EXPECT_TRUE(*ledger->find_serial(1));
  EXPECT_TRUE(ledger->verify()->breaks.empty());
}

TEST_F(OnAFile, AFileThatWasRemovedIsNotMadeAnewWhileWeRun) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  std::filesystem::remove(settings_.path);
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
  EXPECT_FALSE(std::filesystem::exists(settings_.path));
}

TEST_F(OnAFile, RubbishInItsPlaceIsNoLedger) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  ledger.reset();
  std::ofstream(settings_.path, std::ios::trunc) << std::string(8192, 'x');
  ledger = opened();
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
  std::filesystem::remove(settings_.path);
  std::filesystem::create_directory(settings_.path);
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
}

// Becomes nobody for the test where it runs as root, whom no mode stops.
class OnAFileAsSomebody : public OnAFile {
 protected:
  OnAFileAsSomebody() {
    if (::geteuid() != 0) return;
    constexpr uid_t nobody = 65534;
    for (const auto& path : {folder_.path(), folder_.path("data")}) {
      if (::chown(path.c_str(), nobody, nobody) != 0) std::abort();
    }
    if (::seteuid(nobody) != 0) std::abort();
  }
  ~OnAFileAsSomebody() override {
    ::chmod(folder_.path("data").c_str(), 0700);
    if (::getuid() == 0 && ::seteuid(0) != 0) std::abort();
  }
};

TEST_F(OnAFileAsSomebody, AFileMadeUnwritableIsNotWrittenToThroughTheOpenDescriptor) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  ASSERT_TRUE(ledger->find_serial(1));
  ::chmod(settings_.path.c_str(), 0400);
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
  const auto health = ledger->health();
  EXPECT_FALSE(health.writable);
  EXPECT_NE(health.text.find("Permission denied"), std::string::npos) << health.text;
  EXPECT_TRUE(ledger->find_serial(1));  // reading goes on: revocations must still go out
  ::chmod(settings_.path.c_str(), 0600);
  EXPECT_EQ(record(*ledger), "done");
  EXPECT_TRUE(ledger->health().writable);
}

TEST_F(OnAFileAsSomebody, AFolderMadeUnwritableIsAnUnwritableLedger) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  ::chmod(folder_.path("data").c_str(), 0500);
  EXPECT_EQ(record(*ledger), "ledger_unavailable");
  ::chmod(folder_.path("data").c_str(), 0700);
  EXPECT_EQ(record(*ledger), "done");
  EXPECT_TRUE(ledger->verify()->breaks.empty());
}

TEST_F(OnAFile, ADiskThatTakesNoMoreLosesNothingAndGoesOnWhenItDoes) {
  auto ledger = opened();
  ASSERT_EQ(record(*ledger), "done");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  // No file may be written beyond its first KiB: a write fails as it does on a full disk.
  const rlimit small{1024, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto full = record(*ledger);
  const auto again = record(*ledger);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(full, "ledger_unavailable");
  EXPECT_EQ(again, "ledger_unavailable");
  EXPECT_EQ(record(*ledger), "done");
  EXPECT_TRUE(*ledger->find_serial(1));
  EXPECT_FALSE(*ledger->find_serial(2));
  EXPECT_TRUE(ledger->verify()->breaks.empty());
  EXPECT_EQ(ledger->health().rows, 2u);
}

TEST_F(OnAFile, ACrashBetweenRowsLeavesWhatWasAnswered) {
  // A child records and is killed in the middle of writing; whatever it had an answer for is there.
  int answers[2];
  ASSERT_EQ(::pipe(answers), 0);
  std::vector<test::Sample> rows;
  for (std::uint64_t i = 1; i <= 2000; ++i) rows.push_back(sample(i, std::to_string(i)));
  const pid_t child = ::fork();
  if (child == 0) {
    auto ledger = opened();
    for (const auto& row : rows) {
      if (!ledger->record(row.intent)) ::_exit(1);
      if (::write(answers[1], "x", 1) != 1) ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(answers[1]);
  std::uint64_t answered = 0;
  char octet;
  while (answered < 50 && ::read(answers[0], &octet, 1) == 1) ++answered;
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  while (::read(answers[0], &octet, 1) == 1) ++answered;
  ::close(answers[0]);
  auto ledger = opened();
  EXPECT_GE(ledger->health().rows, answered);
  for (std::uint64_t i = 1; i <= answered; ++i) EXPECT_TRUE(*ledger->find_serial(i)) << i;
  EXPECT_TRUE(ledger->verify()->breaks.empty());
}

}  // namespace
}  // namespace gatehouse::ca
