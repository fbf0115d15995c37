#include "protocol/core/wire.h"

#include <gtest/gtest.h>

namespace gatehouse {
namespace {

ByteVector octets(const std::string& digits) { return unhex(digits).value(); }

struct MpintCase {
  std::string name, magnitude, wire;
};
class Rfc4251Section5Mpint : public testing::TestWithParam<MpintCase> {};

TEST_P(Rfc4251Section5Mpint, IsWrittenAsInTheRfc) {
  EXPECT_EQ(hex(WireWriter().mpint(octets(GetParam().magnitude)).take()), GetParam().wire);
}

TEST_P(Rfc4251Section5Mpint, IsReadWithoutItsSignOctet) {
  const ByteVector wire = octets(GetParam().wire);
  WireReader reader(wire);
  EXPECT_EQ(hex(reader.mpint()), GetParam().magnitude);
  EXPECT_TRUE(reader.finish());
}

INSTANTIATE_TEST_SUITE_P(Examples, Rfc4251Section5Mpint,
                         testing::Values(MpintCase{"Zero", "", "00000000"},
                                         MpintCase{"Positive", "09a378f9b2e332a7", "0000000809a378f9b2e332a7"},
                                         MpintCase{"TopBitSet", "80", "000000020080"}, MpintCase{"One", "01", "0000000101"},
                                         MpintCase{"TopBitClear", "7f", "000000017f"}),
                         [](const auto& example) { return example.param.name; });

TEST(Rfc4251Section5Mpint, DropsLeadingZerosOfTheMagnitude) {
  EXPECT_EQ(hex(WireWriter().mpint(octets("000001")).take()), "0000000101");
  EXPECT_EQ(hex(WireWriter().mpint(octets("000080")).take()), "000000020080");
  EXPECT_EQ(hex(WireWriter().mpint(octets("0000")).take()), "00000000");
}

TEST(Rfc4251Section5Mpint, IsRefusedWhenNegativeOrNotMinimal) {
  // -1234 and -deadbeef are the RFC's examples of negative ones.
  for (const char* wire : {"00000002edcc", "00000005ff21524111", "0000000180", "0000000100", "00000002007f", "000000030000ff"}) {
    const ByteVector given = octets(wire);
    WireReader reader(given);
    EXPECT_TRUE(reader.mpint().empty()) << wire;
    EXPECT_TRUE(reader.failed()) << wire;
    EXPECT_FALSE(reader.finish()) << wire;
  }
}

TEST(Rfc4251Section5, NumbersAreBigEndian) {
  // The RFC's example: uint32 699921578 is 29 b7 f4 aa.
  const ByteVector wire = WireWriter().byte(7).boolean(true).boolean(false).uint32(699921578).uint64(0x0102030405060708).take();
  EXPECT_EQ(hex(wire), "07010029b7f4aa0102030405060708");
  WireReader reader(wire);
  EXPECT_EQ(reader.byte(), 7);
  EXPECT_TRUE(reader.boolean());
  EXPECT_FALSE(reader.boolean());
  EXPECT_EQ(reader.uint32(), 699921578u);
  EXPECT_EQ(reader.uint64(), 0x0102030405060708u);
  EXPECT_TRUE(reader.finish());
}

TEST(Rfc4251Section5, BooleanIsTrueForEveryValueButZero) {
  const ByteVector given = octets("02ff00");
  WireReader reader(given);
  EXPECT_TRUE(reader.boolean());
  EXPECT_TRUE(reader.boolean());
  EXPECT_FALSE(reader.boolean());
}

TEST(Rfc4251Section5, StringCarriesItsLengthAndAnyOctet) {
  // The RFC's example: "testing" is 00 00 00 07 t e s t i n g.
  EXPECT_EQ(hex(WireWriter().string("testing").take()), "0000000774657374696e67");
  const ByteVector wire = WireWriter().string(std::string_view("a\0b", 3)).string("").string(octets("ff")).take();
  WireReader reader(wire);
  EXPECT_EQ(reader.text(), std::string_view("a\0b", 3));
  EXPECT_EQ(reader.text(), "");
  EXPECT_EQ(hex(reader.string()), "ff");
  EXPECT_TRUE(reader.finish());
}

TEST(WireReader, StaysShortAfterOneShortRead) {
  const ByteVector given = octets("0000000501020304");  // a string that ends one octet early
  WireReader reader(given);
  EXPECT_TRUE(reader.string().empty());
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.byte(), 0) << "octets that are there are not given out any more";
  EXPECT_EQ(reader.uint32(), 0u);
  EXPECT_EQ(reader.uint64(), 0u);
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_FALSE(reader.more());
  EXPECT_FALSE(reader.finish());
}

TEST(WireReader, RefusesLengthsPastTheEndWithoutAllocating) {
  for (const char* wire : {"ffffffff", "ffffffff00", "7fffffff", "00000001"}) {
    const ByteVector given = octets(wire);
    WireReader reader(given);
    EXPECT_TRUE(reader.string().empty());
    EXPECT_TRUE(reader.failed()) << wire;
  }
}

TEST(WireReader, SaysThatOctetsAreLeftOver) {
  const ByteVector given = octets("0102");
  WireReader reader(given);
  reader.byte();
  EXPECT_FALSE(reader.finish());
  EXPECT_FALSE(reader.failed());
  EXPECT_TRUE(reader.more());
  reader.byte();
  EXPECT_TRUE(reader.finish());
  EXPECT_FALSE(reader.more());
}

TEST(WireReader, ReadsNothingFromNothing) {
  WireReader empty({});
  EXPECT_TRUE(empty.finish());
  EXPECT_TRUE(empty.rest().empty());
  EXPECT_TRUE(empty.finish()) << "all of nothing is no short read";
  EXPECT_EQ(empty.byte(), 0);
  EXPECT_FALSE(empty.finish());
}

TEST(WireReader, CutAtEveryOctetNeverFinishes) {
  const ByteVector wire = WireWriter().byte(1).uint32(2).string("three").mpint(octets("ff04")).uint64(5).take();
  for (std::size_t size = 0; size < wire.size(); ++size) {
    WireReader reader(Bytes(wire).first(size));
    reader.byte();
    reader.uint32();
    reader.string();
    reader.mpint();
    reader.uint64();
    EXPECT_FALSE(reader.finish()) << size;
  }
}

TEST(WireWriter, GivesItsOctetsAwayOnce) {
  WireWriter writer;
  writer.raw(octets("0102")).byte(3);
  EXPECT_EQ(writer.size(), 3u);
  EXPECT_EQ(hex(writer.view()), "010203");
  EXPECT_EQ(hex(writer.take()), "010203");
  EXPECT_EQ(writer.size(), 0u);
}

}  // namespace
}  // namespace gatehouse
