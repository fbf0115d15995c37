#include "sshd/sftp/file_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "protocol/core/wire.h"

namespace gatehouse::sshd {
namespace {

namespace fs = std::filesystem;
using sftp::Number;
using sftp::Status;

// Requests are written here by hand after draft-ietf-secsh-filexfer-02 sections 4 to 7 and OpenSSH PROTOCOL section 4.
class FileServerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sftp_test.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    restart({});
  }
  void TearDown() override {
    server_.reset();
    fs::remove_all(folder_);
  }
  void restart(SftpOptions options) {
    server_ = std::make_unique<FileServer>(std::move(options), [this](const SftpFact& fact) { facts_.push_back(fact); });
    const ByteVector version = server_->answer(*unhex("0100000003"));
    ASSERT_EQ(hex(Bytes(version).subspan(4, 5)), "0200000003");
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& text) { std::ofstream(path(name)) << text; }
  std::string get(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  WireWriter request(Number number) { return std::move(WireWriter().byte(static_cast<std::uint8_t>(number)).uint32(++id_)); }
  WireWriter extended(std::string_view name) { return std::move(WireWriter().byte(200).uint32(++id_).string(name)); }
  /// The answer behind its length, its id checked.
  ByteVector ask(const WireWriter& message) {
    const ByteVector answer = server_->answer(message.view());
    WireReader reader(answer);
    const Bytes body = reader.string();
    EXPECT_TRUE(reader.finish());
    WireReader head(body);
    head.byte();
    EXPECT_EQ(head.uint32(), id_);
    return to_vector(body);
  }
  Status status(const WireWriter& message) {
    const ByteVector body = ask(message);
    WireReader reader(body);
    EXPECT_EQ(reader.byte(), 101);
    reader.uint32();
    return static_cast<Status>(reader.uint32());
  }
  std::string open(const std::string& name, std::uint32_t flags) {
    const ByteVector body = ask(std::move(request(Number::open).string(path(name)).uint32(flags).uint32(0)));
    WireReader reader(body);
    if (reader.byte() != 102) return {};
    reader.uint32();
    return std::string(reader.text());
  }
  std::string read(const std::string& handle, std::uint64_t offset, std::uint32_t length) {
    const ByteVector body = ask(std::move(request(Number::read).string(handle).uint64(offset).uint32(length)));
    WireReader reader(body);
    if (reader.byte() != 103) return "(status)";
    reader.uint32();
    std::string data(reader.text());
    EXPECT_TRUE(reader.finish());
    return data;
  }

  std::string folder_;
  std::unique_ptr<FileServer> server_;
  std::vector<SftpFact> facts_;
  std::uint32_t id_ = 0;
};

TEST_F(FileServerTest, WritesReadsAndCountsOctets) {
  const std::string handle = open("file", sftp::open_flag::read | sftp::open_flag::write | sftp::open_flag::create);
  ASSERT_FALSE(handle.empty());
  EXPECT_EQ(status(std::move(request(Number::write).string(handle).uint64(3).string("defg"))), Status::ok);
  EXPECT_EQ(status(std::move(request(Number::write).string(handle).uint64(0).string("abc"))), Status::ok);
  EXPECT_EQ(read(handle, 1, 4), "bcde");
  EXPECT_EQ(status(std::move(request(Number::read).string(handle).uint64(7).uint32(1))), Status::eof);
  EXPECT_EQ(status(std::move(request(Number::close).string(handle))), Status::ok);
  EXPECT_EQ(get("file"), "abcdefg");
  ASSERT_EQ(facts_.size(), 2u);
  EXPECT_EQ(facts_[1].kind, SftpFact::Kind::close);
  EXPECT_EQ(facts_[1].bytes_written, 7u);
  EXPECT_EQ(facts_[1].bytes_read, 4u);
}

TEST_F(FileServerTest, AStaleWrongOrForeignHandleFailsAndNothingElse) {  // CVE-2025-5318, CVE-2025-5449, CVE-2025-11624
  put("file", "text");
  const std::string handle = open("file", sftp::open_flag::read);
  EXPECT_EQ(status(std::move(request(Number::close).string(handle))), Status::ok);
  for (const std::string& bad : {handle, std::string(), std::string("\xff\xff\xff\xff"), std::string(8, '\xff'), std::string(256, 'x')}) {
    EXPECT_EQ(status(std::move(request(Number::read).string(bad).uint64(0).uint32(1))), Status::failure);
    EXPECT_EQ(status(std::move(request(Number::close).string(bad))), Status::failure);
    EXPECT_EQ(status(std::move(request(Number::readdir).string(bad))), Status::failure);
    EXPECT_EQ(status(std::move(request(Number::fstat).string(bad))), Status::failure);
  }
  EXPECT_EQ(status(std::move(request(Number::close).string(std::string(257, 'x')))), Status::bad_message);
}

TEST_F(FileServerTest, BoundsOpenHandlesAndGoesOn) {  // CVE-2025-48041
  put("file", "text");
  std::vector<std::string> handles;
  while (true) {
    std::string handle = open("file", sftp::open_flag::read);
    if (handle.empty()) break;
    handles.push_back(std::move(handle));
  }
  EXPECT_EQ(handles.size(), FileServer::max_handles);
  EXPECT_EQ(read(handles.back(), 0, 10), "text");
  EXPECT_EQ(status(std::move(request(Number::close).string(handles.front()))), Status::ok);
  EXPECT_FALSE(open("file", sftp::open_flag::read).empty());
}

TEST_F(FileServerTest, CapsAReadAtWhatLimitsAnnounces) {  // CVE-2026-59844
  put("file", std::string(400000, 'x'));
  const std::string handle = open("file", sftp::open_flag::read);
  EXPECT_EQ(read(handle, 0, 0xFFFFFFFF).size(), sftp::max_transfer);
  const ByteVector limits = ask(extended("limits@openssh.com"));
  WireReader reader(limits);
  EXPECT_EQ(reader.byte(), 201);
  reader.uint32();
  EXPECT_EQ(reader.uint64(), 256u * 1024);
  EXPECT_EQ(reader.uint64(), sftp::max_transfer);
  EXPECT_EQ(reader.uint64(), sftp::max_transfer);
  EXPECT_EQ(reader.uint64(), FileServer::max_handles);
  EXPECT_TRUE(reader.finish());
}

TEST_F(FileServerTest, ReadOnlyRefusesAllThatChanges) {  // CVE-2017-15906
  put("file", "text");
  put("other", "text");
  SftpOptions options;
  options.read_only = true;
  restart(options);
  for (const std::uint32_t flags : {2u, 3u, 9u, 0x11u, 5u, 0x29u}) EXPECT_TRUE(open("new", flags).empty()) << flags;
  EXPECT_EQ(status(std::move(request(Number::setstat).string(path("file")).uint32(4).uint32(0600))), Status::permission_denied);
  EXPECT_EQ(status(std::move(request(Number::remove).string(path("file")))), Status::permission_denied);
  EXPECT_EQ(status(std::move(request(Number::mkdir).string(path("d")).uint32(0))), Status::permission_denied);
  EXPECT_EQ(status(std::move(request(Number::rename).string(path("file")).string(path("x")))), Status::permission_denied);
  EXPECT_EQ(status(std::move(request(Number::symlink).string("file").string(path("l")))), Status::permission_denied);
  EXPECT_EQ(status(std::move(extended("hardlink@openssh.com").string(path("file")).string(path("l")))), Status::permission_denied);
  EXPECT_EQ(status(std::move(extended("posix-rename@openssh.com").string(path("file")).string(path("other")))), Status::permission_denied);
  const std::string from = open("file", sftp::open_flag::read);
  const std::string to = open("other", sftp::open_flag::read);
  EXPECT_EQ(status(std::move(extended("copy-data").string(from).uint64(0).uint64(0).string(to).uint64(0))), Status::permission_denied);
  EXPECT_EQ(get("file"), "text");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(FileServerTest, AllowAndDenyListsDecideByName) {
  put("file", "text");
  SftpOptions options = *parse_sftp_options("-p open,read,close,stat -P stat", "alice", "/home/alice");
  restart(options);
  EXPECT_EQ(read(open("file", sftp::open_flag::read), 0, 10), "text");
  EXPECT_EQ(status(std::move(request(Number::stat).string(path("file")))), Status::permission_denied);
  EXPECT_EQ(status(std::move(request(Number::remove).string(path("file")))), Status::permission_denied);
}

TEST_F(FileServerTest, RenameOfVersion3DoesNotReplaceAndPosixRenameDoes) {
  put("a", "A");
  put("b", "B");
  EXPECT_NE(status(std::move(request(Number::rename).string(path("a")).string(path("b")))), Status::ok);
  EXPECT_EQ(get("b"), "B");
  EXPECT_EQ(status(std::move(extended("posix-rename@openssh.com").string(path("a")).string(path("b")))), Status::ok);
  EXPECT_EQ(get("b"), "A");
  EXPECT_EQ(status(std::move(request(Number::rename).string(path("b")).string(path("c")))), Status::ok);
  EXPECT_EQ(get("c"), "A");
}

TEST_F(FileServerTest, SymlinkTakesTheTargetFirst) {  // OpenSSH PROTOCOL section 4.1
  EXPECT_EQ(status(std::move(request(Number::symlink).string("target").string(path("link")))), Status::ok);
  EXPECT_EQ(fs::read_symlink(path("link")), "target");
}

TEST_F(FileServerTest, ListsADirectoryOfLongNamesWhole) {  // 70d7044a9: a path near PATH_MAX
  std::string deep = folder_;
  while (deep.size() + 201 < 3900) {
    deep += "/" + std::string(200, 'd');
    ASSERT_TRUE(fs::create_directory(deep));
  }
  const std::string name(255, 'n');
  const int folder = ::open(deep.c_str(), O_RDONLY | O_DIRECTORY);
  const int file = ::openat(folder, name.c_str(), O_CREAT | O_WRONLY, 0640);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::write(file, "12345", 5), 5);
  ::close(file);
  ::close(folder);
  ByteVector body = ask(std::move(request(Number::opendir).string(deep)));
  WireReader handle_reader(body);
  ASSERT_EQ(handle_reader.byte(), 102);
  handle_reader.uint32();
  const std::string handle(handle_reader.text());
  body = ask(std::move(request(Number::readdir).string(handle)));
  WireReader reader(body);
  ASSERT_EQ(reader.byte(), 104);
  reader.uint32();
  ASSERT_EQ(reader.uint32(), 3u);
  bool found = false;
  for (int i = 0; i < 3; ++i) {
    const std::string entry(reader.text());
    const std::string line(reader.text());
    EXPECT_EQ(reader.uint32(), 0xfu);
    const std::uint64_t size = reader.uint64();
    for (int skip = 0; skip < 5; ++skip) reader.uint32();
    if (entry != name) continue;
    found = true;
    EXPECT_EQ(size, 5u);
    EXPECT_EQ(line.find("-rw-r-----"), 0u);
  }
  EXPECT_TRUE(reader.finish());
  EXPECT_TRUE(found);
  EXPECT_EQ(status(std::move(request(Number::readdir).string(handle))), Status::eof);
}

TEST_F(FileServerTest, CopyDataRefusesAFileOntoItself) {  // 5a5e47740
  put("file", "text");
  put("other", "");
  const std::string from = open("file", sftp::open_flag::read);
  const std::string same = open("file", sftp::open_flag::read | sftp::open_flag::write);
  const std::string to = open("other", sftp::open_flag::write);
  EXPECT_NE(status(std::move(extended("copy-data").string(from).uint64(0).uint64(0).string(same).uint64(4))), Status::ok);
  EXPECT_EQ(status(std::move(extended("copy-data").string(from).uint64(1).uint64(0).string(to).uint64(2))), Status::ok);
  EXPECT_EQ(get("other"), std::string("\0\0ext", 5));
  EXPECT_EQ(status(std::move(extended("copy-data").string(from).uint64(0).uint64(2).string(to).uint64(0))), Status::ok);
  EXPECT_EQ(get("other"), "teext");
}

TEST_F(FileServerTest, RealpathTakesAMissingLastPart) {
  const auto resolved = [&](const std::string& some) {
    const ByteVector body = ask(std::move(request(Number::realpath).string(some)));
    WireReader reader(body);
    if (reader.byte() != 104) return std::string("(status)");
    reader.uint32();
    reader.uint32();
    return std::string(reader.text());
  };
  EXPECT_EQ(resolved(folder_ + "/./x/../nothing"), "(status)");
  fs::create_directory(path("x"));
  EXPECT_EQ(resolved(folder_ + "/./x/../nothing"), path("nothing"));
  EXPECT_EQ(resolved(folder_ + "/x/"), path("x"));
  EXPECT_EQ(resolved("/"), "/");
  EXPECT_EQ(resolved("/nothing-here"), "/nothing-here");
}

TEST_F(FileServerTest, MalformedMessagesAreAnsweredOrEndTheChannel) {
  const WireWriter whole = std::move(request(Number::open).string(path("file")).uint32(1).uint32(0));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ByteVector answer = server_->answer(whole.view().first(size));
    EXPECT_EQ(answer.empty(), size < 5) << size;
    EXPECT_TRUE(answer.empty() || answer[12] == static_cast<std::uint8_t>(Status::bad_message)) << size;
  }
  EXPECT_EQ(status(extended("no-such-extension@example.com")), Status::operation_unsupported);
  EXPECT_EQ(status(std::move(WireWriter().byte(99).uint32(++id_))), Status::operation_unsupported);
  EXPECT_EQ(status(std::move(request(Number::stat).string(std::string_view("a\0b", 3)))), Status::bad_message);
  EXPECT_TRUE(server_->answer(*unhex("0100000003")).empty());  // a second INIT
}

TEST_F(FileServerTest, NothingBeforeInit) {
  FileServer fresh({}, [](const SftpFact&) {});
  EXPECT_TRUE(fresh.answer(request(Number::realpath).string(".").view()).empty());
}

TEST_F(FileServerTest, WhatTheClientLeftOpenIsAccountedFor) {
  const std::string handle = open("file", sftp::open_flag::write | sftp::open_flag::create);
  EXPECT_EQ(status(std::move(request(Number::write).string(handle).uint64(0).string("12345"))), Status::ok);
  server_.reset();
  ASSERT_EQ(facts_.size(), 2u);
  EXPECT_EQ(facts_.back().bytes_written, 5u);
}

TEST(SftpOptions, TakesTwentyArguments) {  // CVE-2026-59997: all of them are obeyed
  const auto options = parse_sftp_options(
      "-l INFO -f AUTH -e -u 077 -d '/srv/%u files' -p open -p read -p close -p stat -p lstat -p write -P remove -P rename -R", "alice",
      "/home/alice");
  ASSERT_TRUE(options) << options.error().line();
  EXPECT_TRUE(options->read_only);
  EXPECT_EQ(options->umask, 077);
  EXPECT_EQ(options->start_directory, "/srv/alice files");
  EXPECT_EQ(options->allowed->size(), 6u);
  EXPECT_EQ(options->denied.size(), 2u);
}

TEST(SftpOptions, RefusesWhatItDoesNotKnow) {
  for (const std::string_view bad : {"-x", "-u 999", "-u", "-p no-such-request", "-d %x", "-d 'open quote", "word"}) {
    EXPECT_FALSE(parse_sftp_options(bad, "alice", "/home/alice")) << bad;
  }
}

}  // namespace
}  // namespace gatehouse::sshd
