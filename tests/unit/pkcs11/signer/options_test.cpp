#include "pkcs11/signer/options.h"

#include <gtest/gtest.h>

namespace gatehouse::pkcs11 {
namespace {

using Arguments = std::vector<std::string>;

Arguments host() { return {"--purpose", "host", "--module", "/m.so", "--listen-fd", "3", "--key", "pkcs11:token=a;object=b"}; }

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(SignerOptions, ReadsAHostSigner) {
  const auto options =
      parse_signer_options(with(host(), {"--pin-fd", "4", "--ready-fd", "5", "--memory-fd", "6", "--peer-uid", "0", "--peer-uid", "1000",
                                         "--signed-log", "/log", "--sign-limit-ms", "500", "--syslog"}));
  ASSERT_TRUE(options) << options.error().line();
  EXPECT_EQ(options->purpose, Purpose::host);
  EXPECT_EQ(options->listen_fd, 3);
  EXPECT_EQ(options->pin_fd, 4);
  EXPECT_EQ(options->ready_fd, 5);
  EXPECT_EQ(options->memory_fd, 6);
  EXPECT_EQ(options->peer_uids, (std::vector<uid_t>{0, 1000}));
  EXPECT_EQ(options->keys.size(), 1U);
  EXPECT_EQ(options->sign_limit.count(), 500);
  EXPECT_TRUE(options->syslog);
}

TEST(SignerOptions, ReadsAManager) {
  EXPECT_TRUE(
      parse_signer_options(Arguments{"--purpose", "manage", "--module", "/m.so", "--connection-fd", "3", "--token", "pkcs11:token=a"}));
}

struct Wrong {
  const char* name;
  Arguments arguments;
};
class WrongOptions : public testing::TestWithParam<Wrong> {};
TEST_P(WrongOptions, AreRefused) { EXPECT_FALSE(parse_signer_options(GetParam().arguments)); }
INSTANTIATE_TEST_SUITE_P(
    Cases, WrongOptions,
    testing::Values(
        Wrong{"None", {}}, Wrong{"Unknown", with(host(), {"--pin", "1234"})}, Wrong{"NoValue", with(host(), {"--key"})},
        Wrong{"Purpose", {"--purpose", "agent", "--module", "/m.so", "--listen-fd", "3", "--key", "pkcs11:token=a;object=b"}},
        Wrong{"NoKey", {"--purpose", "host", "--module", "/m.so", "--listen-fd", "3"}},
        Wrong{"NoModule", {"--purpose", "host", "--listen-fd", "3", "--key", "pkcs11:token=a;object=b"}},
        Wrong{"BadUri", with(host(), {"--key", "pkcs11:token=a"})}, Wrong{"Negative", with(host(), {"--pin-fd", "-1"})},
        Wrong{"NotANumber", with(host(), {"--pin-fd", "4x"})}, Wrong{"HostWithLimits", with(host(), {"--limits", "/l"})},
        Wrong{"HostWithToken", with(host(), {"--token", "pkcs11:token=a"})},
        Wrong{"CaWithoutLimits", {"--purpose", "ca", "--module", "/m.so", "--listen-fd", "3", "--key", "pkcs11:token=a;object=b"}},
        Wrong{"ManageWithListener",
              {"--purpose", "manage", "--module", "/m.so", "--listen-fd", "3", "--connection-fd", "4", "--token", "pkcs11:token=a"}},
        Wrong{"ManageWithoutToken", {"--purpose", "manage", "--module", "/m.so", "--connection-fd", "4"}}),
    [](const auto& wrong) { return std::string(wrong.param.name); });

}  // namespace
}  // namespace gatehouse::pkcs11
