#include "protocol/transport/transport.h"

#include <gtest/gtest.h>

#include "tests/support/ssh_pair.h"

namespace gatehouse::transport {
namespace {

using test::End;
using test::Pair;

TEST(TransportTest, BothEndsAgree) {
  Pair pair;
  pair.connect();
  EXPECT_EQ(to_vector(pair.server.transport.session_id()), to_vector(pair.client.transport.session_id()));
}

}  // namespace
}  // namespace gatehouse::transport
