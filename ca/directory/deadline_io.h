/// A layer of liber's socket buffers that gives every read and write an end.
#pragma once

#include <lber.h>

#include <chrono>

namespace gatehouse::ca {

/// Waits for the socket with poll until `*deadline` and then fails with ETIMEDOUT, below TLS. Needed because libldap's own limits end where
/// TLS begins: LDAP_OPT_NETWORK_TIMEOUT makes the socket non-blocking, and its GnuTLS handshake then spins for as long as a silent server
/// likes (seen with 2.5.13); and a message that stops in the middle would block a read for ever.
/// @param buffer  of a connection over TCP without TLS yet; the socket blocks
/// @param deadline  outlives the buffer
/// @return whether liber took it
bool add_deadline(Sockbuf* buffer, const std::chrono::steady_clock::time_point* deadline);

}  // namespace gatehouse::ca
