#include "sshd/listener/carried_state.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

NetworkBlock block(bool v6) {
  NetworkBlock result;
  result.v6 = v6;
  result.prefix = v6 ? 64 : 32;
  result.octets = {192, 0, 2, 1, 9};
  return result;
}

CarriedState sample() {
  CarriedState state;
  state.configuration = {1, 2, 3};
  state.host_keys = {{{4, 5}, {{6}, {7, 8}}}, {{9}, {}}};
  state.lock = 5;
  state.signer = {4711, {7, 8}};
  state.authorizer = {-1, {9}};
  state.sockets = {{3, "127.0.0.1 port 22"}};
  state.waiting = {{10, 123456789, "SSH-2.0-Gatehouse"}, {11, -5, "SSH-2.0-Gatehouse old"}};
  state.children = {{4712, block(false), "192.0.2.1", true, 12}, {4713, block(true), "2001:db8::1", false, -1}};
  state.penalties = {{block(false), 1LL << 60, true}, {block(true), 7, false}};
  return state;
}

TEST(CarriedState, ComesBackAsItWas) {
  const CarriedState sent = sample();
  const auto got = CarriedState::parse(sent.write());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->write(), sent.write());
  EXPECT_EQ(got->children, sent.children);
  EXPECT_EQ(got->waiting, sent.waiting);
  EXPECT_EQ(got->penalties, sent.penalties);
  EXPECT_EQ(got->authorizer, sent.authorizer);
  EXPECT_EQ(got->host_keys[0].certificates, sent.host_keys[0].certificates);
}

TEST(CarriedState, NamesEachDescriptorThatMustStayOpen) {
  EXPECT_EQ(sample().descriptors(), (std::vector<int>{5, 7, 8, 9, 3, 10, 11, 12}));
}

TEST(CarriedState, CutAnywhereIsRefused) {
  const ByteVector whole = sample().write();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(CarriedState::parse(Bytes(whole).first(size))) << size;
}

TEST(CarriedState, OfAnotherVersionIsRefused) {
  ByteVector octets = sample().write();
  octets[10] ^= 1;
  EXPECT_FALSE(CarriedState::parse(octets));
}

TEST(Penalties, SurviveTheExec) {
  constexpr SteadyTime start{std::chrono::seconds(1000)};
  Penalties before{PenaltyRules{}};
  (void)before.punish(block(false), Offence::crash, start);
  (void)before.punish(block(true), Offence::failed_authentication, start);
  Penalties after{PenaltyRules{}};
  after.restore(before.records());
  EXPECT_EQ(after.size(), 2U);
  EXPECT_TRUE(after.refused(block(false), start));
  EXPECT_FALSE(after.refused(block(true), start));
  EXPECT_FALSE(after.refused(block(false), start + std::chrono::seconds(90)));
}

}  // namespace
}  // namespace gatehouse::sshd
