#include "protocol/transport/identification.h"

#include <gtest/gtest.h>

namespace gatehouse::transport {
namespace {

/// Feeds all of it at once.
ProtocolResult<IdentificationReader::Progress> read(IdentificationReader& reader, std::string_view text) {
  return reader.feed(as_bytes(text));
}

Violation violation_of(Role role, std::string_view text) {
  IdentificationReader reader(role);
  const auto progress = read(reader, text);
  EXPECT_FALSE(progress.has_value()) << text;
  return progress ? Violation::crypto_failed : progress.error().violation;
}

TEST(Rfc4253Section4Point2Identification, KeepsTheLineWithoutCrLf) {
  IdentificationReader reader(Role::server);
  const std::string text = "SSH-2.0-billsSSH_3.6.3q3\r\nrest";
  const auto progress = read(reader, text);
  ASSERT_TRUE(progress && progress->complete);
  EXPECT_EQ(reader.identification(), "SSH-2.0-billsSSH_3.6.3q3");
  EXPECT_EQ(progress->consumed, text.size() - 4);
}

TEST(Rfc4253Section4Point2Identification, ComesOneOctetAtATime) {
  IdentificationReader reader(Role::server);
  const std::string_view text = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto progress = read(reader, text.substr(i, 1));
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->consumed, 1U);
    EXPECT_EQ(progress->complete, i + 1 == text.size());
  }
  EXPECT_EQ(reader.identification(), "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10");
}

TEST(Rfc4253Section4Point2Identification, EndsAtALineFeedAlone) {
  IdentificationReader reader(Role::server);
  ASSERT_TRUE(read(reader, "SSH-2.0-old\n")->complete);
  EXPECT_EQ(reader.identification(), "SSH-2.0-old");
}

TEST(Rfc4253Section4Point2Identification, IsAtMost255OctetsWithCrLf) {
  const std::string start = "SSH-2.0-";
  IdentificationReader reader(Role::server);
  const auto longest = read(reader, start + std::string(253 - start.size(), 'x') + "\r\n");
  ASSERT_TRUE(longest && longest->complete);
  EXPECT_EQ(reader.identification().size(), 253U);
  EXPECT_EQ(violation_of(Role::server, start + std::string(254 - start.size(), 'x') + "\r\n"), Violation::bad_identification);
}

TEST(Rfc4253Section4Point2Identification, NeverGrowsPastItsBoundWithoutALineEnd) {
  EXPECT_EQ(violation_of(Role::server, "SSH-2.0-" + std::string(100000, 'x')), Violation::bad_identification);
  EXPECT_EQ(violation_of(Role::client, std::string(100000, 'x')), Violation::bad_identification);
}

TEST(Rfc4253Section4Point2Identification, AServerTakesNoLinesBeforeIt) {
  EXPECT_EQ(violation_of(Role::server, "GET / HTTP/1.1\r\n"), Violation::bad_identification);
  EXPECT_EQ(violation_of(Role::server, "\r\nSSH-2.0-x\r\n"), Violation::bad_identification);
  EXPECT_EQ(violation_of(Role::server, "S\r\n"), Violation::bad_identification);
  IdentificationReader reader(Role::server);
  EXPECT_FALSE(read(reader, "G")) << "nothing that follows can mend it";
}

TEST(Rfc4253Section4Point2Identification, AClientSkipsLinesBeforeIt) {
  IdentificationReader reader(Role::client);
  const auto progress = read(reader, "Welcome\r\n\r\nNot SSH-2.0-this\r\nSSH-2.0-server\r\n");
  ASSERT_TRUE(progress && progress->complete);
  EXPECT_EQ(reader.identification(), "SSH-2.0-server");
}

TEST(Rfc4253Section4Point2Identification, AClientSkipsOnlySoManyLines) {
  std::string banner;
  for (std::size_t i = 0; i < max_lines_before; ++i) banner += "x\r\n";
  IdentificationReader reader(Role::client);
  ASSERT_TRUE(read(reader, banner + "SSH-2.0-server\r\n")->complete);
  EXPECT_EQ(violation_of(Role::client, banner + "x\r\nSSH-2.0-server\r\n"), Violation::bad_identification);
}

TEST(Rfc4253Section4Point2Identification, IsPrintableUsAscii) {
  for (const char bad : {'\0', '\x1b', '\r', '\x7f', '\x80', '\xc3'}) {
    const std::string text = std::string("SSH-2.0-x") + bad + "y\r\n";
    EXPECT_EQ(violation_of(Role::server, text), Violation::bad_identification) << static_cast<int>(bad);
  }
  IdentificationReader reader(Role::server);
  const auto refused = read(reader, "SSH-2.0-x\x1b[2J\r\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "SSH-2.0-x\\x1b[2J");
}

TEST(Rfc4253Section5Version, MustBeTwo) {
  EXPECT_EQ(violation_of(Role::server, "SSH-1.5-x\r\n"), Violation::unsupported_version);
  EXPECT_EQ(violation_of(Role::server, "SSH-2.1-x\r\n"), Violation::unsupported_version);
  EXPECT_EQ(violation_of(Role::server, "SSH-2.0\r\n"), Violation::unsupported_version);
  EXPECT_EQ(violation_of(Role::server, "SSH-2.0-\r\n"), Violation::bad_identification);
}

TEST(Rfc4253Section5Point1Version, A199ServerIsOneOfTwo) {
  IdentificationReader reader(Role::client);
  EXPECT_TRUE(read(reader, "SSH-1.99-old\r\n")->complete);
  EXPECT_EQ(violation_of(Role::server, "SSH-1.99-old\r\n"), Violation::unsupported_version);
}

TEST(OurIdentification, IsPrintableAndShortWhateverTheComments) {
  EXPECT_EQ(our_identification().substr(0, 18), "SSH-2.0-Gatehouse_");
  EXPECT_EQ(our_identification("Debian 12"), our_identification() + " Debian 12");
  const std::string line = our_identification(std::string(400, '\n'));
  EXPECT_LE(line.size() + 2, max_identification);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  IdentificationReader reader(Role::server);
  EXPECT_TRUE(read(reader, line + "\r\n")->complete);
}

}  // namespace
}  // namespace gatehouse::transport
