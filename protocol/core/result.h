/// The one way to report what a peer, a token, a directory or a file can cause. Exceptions are for our own bugs and for start-up.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace gatehouse {

/// What went wrong outside the SSH protocol: a file, a configuration, a token, a directory, another process. One line for a person:
/// the cause, where, and what to do about it. None of the three holds a secret; text of a peer in them is escaped.
struct Problem {
  std::string what;   ///< "cannot read the PIN file: permission denied"
  std::string where;  ///< "/etc/gatehouse/sshd_config line 12"; may be empty
  std::string mend;   ///< "chmod 0400 and chown to gatehouse-signer"; may be empty

  /// "where: what (mend)" on one line.
  std::string line() const;
};

/// tl::expected has the interface of std::expected, which Clang 14 cannot use; the subclass adds the [[nodiscard]] it lacks.
template <class T, class E = Problem>
class [[nodiscard]] Result : public tl::expected<T, E> {
 public:
  using tl::expected<T, E>::expected;
};

/// `return problem("what", "where", "mend");` in a function that returns a Result<T>.
inline tl::unexpected<Problem> problem(std::string what, std::string where = {}, std::string mend = {}) {
  return tl::unexpected<Problem>(Problem{std::move(what), std::move(where), std::move(mend)});
}

}  // namespace gatehouse
