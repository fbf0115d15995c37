#include "sshd/monitor/server_image.h"

#include <gtest/gtest.h>

#include "protocol/keys/private_key.h"

namespace gatehouse::sshd {
namespace {

TEST(OfferedHostKeys, FollowTheOrderOfTheAlgorithms) {
  const auto ed = keys::PrivateKey::generate(keys::KeyType::ed25519);
  const auto ec = keys::PrivateKey::generate(keys::KeyType::ecdsa_p256);
  const std::vector<ServerHostKey> keys = {{ec.public_key(), {}}, {ed.public_key(), {ByteVector{1, 2, 3}}}};
  const auto offered = offered_host_keys(keys, {"ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
                                                "ssh-ed25519", "ecdsa-sha2-nistp256", "unknown"});
  ASSERT_EQ(offered.size(), 3U);
  EXPECT_EQ(offered[0].algorithm, "ssh-ed25519-cert-v01@openssh.com");
  EXPECT_EQ(offered[0].blob, (ByteVector{1, 2, 3}));
  EXPECT_EQ(offered[1].algorithm, "ssh-ed25519");
  EXPECT_TRUE(equal(offered[1].blob, ed.public_key().blob()));
  EXPECT_EQ(offered[2].algorithm, "ecdsa-sha2-nistp256");
}

TEST(OfferedHostKeys, AnRsaKeyIsThereForBothItsAlgorithms) {
  const auto rsa = keys::PrivateKey::generate(keys::KeyType::rsa, 2048);
  const auto offered = offered_host_keys({{rsa.public_key(), {}}}, {"rsa-sha2-512", "rsa-sha2-256"});
  ASSERT_EQ(offered.size(), 2U);
  EXPECT_EQ(offered[0].algorithm, "rsa-sha2-512");
  EXPECT_EQ(offered[1].algorithm, "rsa-sha2-256");
  EXPECT_EQ(offered[0].blob, offered[1].blob);
}

}  // namespace
}  // namespace gatehouse::sshd
