/// Tells the service manager how we are: one datagram to NOTIFY_SOCKET, written by hand, so that no library comes into a root process for
/// it.
#pragma once

#include <string_view>

namespace gatehouse::sshd {

/// @param state  "READY=1", "STOPPING=1", … as sd_notify(3). Nothing happens where nobody asked for it.
void notify_service(std::string_view state);

}  // namespace gatehouse::sshd
