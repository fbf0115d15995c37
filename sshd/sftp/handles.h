/// What an SFTP client holds open, bounded.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/unique_fd.h"

namespace gatehouse::sshd {

struct OpenFile {
  UniqueFd fd;
  std::string path;
  bool append = false;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
};
struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
struct OpenDirectory {
  std::unique_ptr<DIR, CloseDirectory> stream;
  std::string path;
};
using OpenObject = std::variant<OpenFile, OpenDirectory>;

/// Handles are never used twice, so a stale one cannot reach another file.
class HandleTable {
 public:
  explicit HandleTable(std::size_t limit) : limit_(limit) {}

  bool full() const { return objects_.size() >= limit_; }
  std::size_t limit() const { return limit_; }
  /// @return the handle for the wire: eight octets
  std::string add(OpenObject object);
  /// Null for a handle that is not open, or is none of ours.
  OpenObject* find(std::string_view handle);
  OpenFile* file(std::string_view handle);
  OpenDirectory* directory(std::string_view handle);
  std::optional<OpenObject> take(std::string_view handle);
  /// Takes any of them; nothing when all are gone.
  std::optional<OpenObject> take_any();

 private:
  std::size_t limit_;
  std::uint64_t next_ = 0;
  std::map<std::string, OpenObject, std::less<>> objects_;
};

}  // namespace gatehouse::sshd
