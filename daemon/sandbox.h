/// What system calls a process may make once it reads what strangers send: an allow list per kind of process, death for all others.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/core/result.h"

namespace gatehouse {

/// The kinds of process that are sandboxed. docs/processes.md says why each list is what it is.
enum class SandboxKind : std::uint8_t {
  preauth,     ///< talks to an unauthenticated peer: streams it already has, memory, time, randomness; no new descriptor of any kind
  authorizer,  ///< parses certificates: the same, accepts on a Unix socket it already has, and opens files for reading only
};

/// A compiled filter. Compile it once before forking (libseccomp allocates and sorts), enter it in each child.
class Sandbox {
 public:
  /// @error Problem when libseccomp refuses the policy
  static Result<Sandbox> compile(SandboxKind kind);

  /// From here on a call outside the list kills this process (SIGSYS), with all its threads. Sets PR_SET_NO_NEW_PRIVS first. There is no
  /// way back. @error Problem when the kernel has no seccomp filters: the caller must not go on
  Result<void> enter() const;

  /// The calls that this build allows only because a sanitizer needs them; empty in every build that ships. Printed at start.
  static std::span<const std::string_view> sanitizer_calls();

 private:
  explicit Sandbox(std::vector<sock_filter> program) : program_(std::move(program)) {}
  std::vector<sock_filter> program_;
};

}  // namespace gatehouse
