/// SFTP requests onto files, with the rights of the calling process. Blocking: a file call may hang for as long as its file system does.
#pragma once

#include <functional>
#include <string>

#include "protocol/sftp/messages.h"
#include "sshd/sftp/handles.h"
#include "sshd/sftp/options.h"

namespace gatehouse::sshd {

/// What the audit log is told.
struct SftpFact {
  enum class Kind : std::uint8_t { open, close, remove, rename, mkdir, rmdir, symlink, hardlink, setstat, copy };
  Kind kind = Kind::open;
  std::string path;
  std::string other_path;  ///< the target of a rename, a link or a copy
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  bool for_writing = false;
  int error = 0;  ///< errno, 0 for success
};
std::string_view sftp_fact_word(SftpFact::Kind kind);

class FileServer {
 public:
  static constexpr std::size_t max_handles = 256;

  /// @param tell  called on the thread that calls answer()
  FileServer(SftpOptions options, std::function<void(const SftpFact&)> tell) : options_(std::move(options)), tell_(std::move(tell)) {}
  FileServer(const FileServer&) = delete;
  FileServer& operator=(const FileServer&) = delete;
  ~FileServer();

  /// @param message  one message without its length
  /// @return the whole answer, length first; empty: the message cannot even be refused, end the channel
  ByteVector answer(Bytes message);

 private:
  struct Handler;
  SftpOptions options_;
  std::function<void(const SftpFact&)> tell_;
  HandleTable handles_{max_handles};
  bool greeted_ = false;
};

}  // namespace gatehouse::sshd
