/// What the server's session can do today. A keyword that asks for more is a clear error at load, never a setting without effect; who
/// builds the feature turns it on here.
#pragma once

namespace gatehouse::sshd::feature {

inline constexpr bool pam = false;
inline constexpr bool chroot = false;
inline constexpr bool tcp_forwarding = false;
inline constexpr bool stream_local_forwarding = false;
inline constexpr bool agent_forwarding = false;
inline constexpr bool x11_forwarding = false;
inline constexpr bool internal_sftp = true;
inline constexpr bool session_recording = false;
inline constexpr bool kill_user_processes = false;
inline constexpr bool compression = false;

}  // namespace gatehouse::sshd::feature
