#include "protocol/transport/ext_info.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"

namespace gatehouse::transport {
namespace {

TEST(Rfc8308Section2Point3ExtInfo, IsReadAndWritten) {
  ExtInfo ext_info;
  ext_info.server_sig_algs = "ssh-ed25519,rsa-sha2-512";
  ext_info.publickey_hostbound = true;
  ext_info.ping = true;
  const ByteVector payload = write_ext_info(ext_info);
  EXPECT_EQ(hex(Bytes(payload).first(9)), "07000000030000000f");
  const auto parsed = parse_ext_info(payload);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, ext_info);
  EXPECT_EQ(hex(write_ext_info({})), "0700000000");
}

TEST(Rfc8308Section2Point3ExtInfo, IsRefusedWhereverItIsCut) {
  ExtInfo ext_info;
  ext_info.server_sig_algs = "ssh-ed25519";
  ext_info.ext_info_in_auth = true;
  const ByteVector payload = write_ext_info(ext_info);
  for (std::size_t size = 0; size < payload.size(); ++size) EXPECT_FALSE(parse_ext_info(Bytes(payload).first(size))) << size;
}

TEST(Rfc8308Section2Point5ExtInfo, SkipsWhatItDoesNotKnow) {
  const auto parsed = parse_ext_info(WireWriter()
                                         .byte(7)
                                         .uint32(3)
                                         .string("no-flow-control")
                                         .string("p")
                                         .string("ping@openssh.com")
                                         .string("0")
                                         .string("x@y")
                                         .string(ByteVector{0, 1, 2})
                                         .take());
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->ping);
  EXPECT_FALSE(parsed->publickey_hostbound);
}

TEST(Rfc8308Section2Point3ExtInfo, KnowsOnlyVersion0OfVersionedExtensions) {
  const auto parsed = parse_ext_info(WireWriter().byte(7).uint32(1).string("publickey-hostbound@openssh.com").string("1").take());
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->publickey_hostbound);
}

TEST(Rfc8308Section2Point3ExtInfo, RefusesCountsItCannotHold) {
  EXPECT_FALSE(parse_ext_info(WireWriter().byte(7).uint32(0xffffffff).take()));
  EXPECT_FALSE(parse_ext_info(WireWriter().byte(7).uint32(1).take()));
  EXPECT_FALSE(parse_ext_info(WireWriter().byte(7).uint32(0).string("left over").take()));
  WireWriter many;
  many.byte(7).uint32(65);
  for (int i = 0; i < 65; ++i) many.string("x" + std::to_string(i)).string("");
  EXPECT_FALSE(parse_ext_info(many.view()));
}

TEST(Rfc8308Section2Point3ExtInfo, RefusesARepeatedExtension) {
  EXPECT_FALSE(parse_ext_info(
      WireWriter().byte(7).uint32(2).string("server-sig-algs").string("ssh-rsa").string("server-sig-algs").string("ssh-ed25519").take()));
}

}  // namespace
}  // namespace gatehouse::transport
