/// The policy as it stands in its file now.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ca/policy/policy.h"

namespace gatehouse::ca {

/// Looks at the file when asked, and reads it again when it has changed. A new file that is wrong leaves the last good one in force and
/// raises an alarm. For any number of threads.
class PolicyFile {
 public:
  /// @error the first reading must be good
  static Result<std::unique_ptr<PolicyFile>> open(const std::string& path);

  /// The policy in force.
  std::shared_ptr<const Policy> current();
  /// Why the file as it is now is not in force, for health; logged once when it happens.
  std::optional<Problem> alarm() const;

 private:
  struct Stamp;
  explicit PolicyFile(std::string path);
  std::string path_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Stamp> seen_;
  std::shared_ptr<const Policy> policy_;
  std::optional<Problem> alarm_;
};

}  // namespace gatehouse::ca
