/// What a connection is made of. Only for connection*.cpp.
#pragma once

#include <sys/time.h>

#include "ca/directory/connection.h"
#include "ca/directory/ldap_handle.h"

namespace gatehouse::ca {

using std::chrono::milliseconds;

timeval to_timeval(milliseconds time);

struct Connection::State {
  const DirectorySettings* settings = nullptr;
  ServerUrl server;
  Clock::time_point io_deadline;  // of the operation that goes on; outlives the handle
  LdapHandle handle;
  int socket = -1;
  Clock::time_point deadline;
  bool broken = false;

  // The operation that begins now, its sending included, ends by then. @return how long that is
  milliseconds begin(milliseconds limit);
  milliseconds left(milliseconds limit) const;
  milliseconds rest() const;
  // libldap's diagnostic message, escaped.
  std::string diagnostic() const;
  tl::unexpected<ServerFailure> fail(DirectoryStage stage, std::string text, bool try_another = true);
  // @param code  of libldap or the server; @param more  of the server; empty: the handle's diagnostic message
  tl::unexpected<ServerFailure> fail_code(DirectoryStage stage, int code, std::string_view more = {});
  // One message that answers `id`, before the operation's end.
  ServerResult<LdapMessage> wait(int id, DirectoryStage stage);
  // A request goes out only over the socket that open() verified.
  bool same_socket() const;
};

}  // namespace gatehouse::ca
