/// SFTP version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions (PROTOCOL section 4): the requests of a client and the
/// answers of a server. No file is touched here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/core/wire.h"

namespace gatehouse::sftp {

inline constexpr std::uint32_t protocol_version = 3;
/// Octets of a message without its length; OpenSSH's limit (SFTP_MAX_MSG_LENGTH).
inline constexpr std::size_t max_message = 256 * 1024;
/// What one READ returns and one WRITE takes at most; announced by limits@openssh.com.
inline constexpr std::size_t max_transfer = max_message - 1024;
inline constexpr std::size_t max_path = 4096;

enum class Number : std::uint8_t {
  init = 1,
  version = 2,
  open = 3,
  close = 4,
  read = 5,
  write = 6,
  lstat = 7,
  fstat = 8,
  setstat = 9,
  fsetstat = 10,
  opendir = 11,
  readdir = 12,
  remove = 13,
  mkdir = 14,
  rmdir = 15,
  realpath = 16,
  stat = 17,
  rename = 18,
  readlink = 19,
  symlink = 20,
  status = 101,
  handle = 102,
  data = 103,
  name = 104,
  attrs = 105,
  extended = 200,
  extended_reply = 201,
};

/// Section 7.
enum class Status : std::uint32_t {
  ok = 0,
  eof = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,
  bad_message = 5,
  no_connection = 6,
  connection_lost = 7,
  operation_unsupported = 8,
};

/// Open flags of section 6.3, as they stand in the message.
namespace open_flag {
inline constexpr std::uint32_t read = 0x01;
inline constexpr std::uint32_t write = 0x02;
inline constexpr std::uint32_t append = 0x04;
inline constexpr std::uint32_t create = 0x08;
inline constexpr std::uint32_t truncate = 0x10;
inline constexpr std::uint32_t exclusive = 0x20;
}  // namespace open_flag

/// File attributes of section 5; what is absent is not said.
struct Attributes {
  std::optional<std::uint64_t> size;
  struct Owner {
    std::uint32_t uid;
    std::uint32_t gid;
    bool operator==(const Owner&) const = default;
  };
  std::optional<Owner> owner;
  std::optional<std::uint32_t> permissions;  ///< st_mode, with the file type in answers
  struct Times {
    std::uint32_t accessed;
    std::uint32_t modified;
    bool operator==(const Times&) const = default;
  };
  std::optional<Times> times;
  bool operator==(const Attributes&) const = default;
};

// ---- requests: each carries its id -------------------------------------------------------------------------------------------------

struct Init {
  std::uint32_t version;
};
struct Open {
  std::string path;
  std::uint32_t flags;
  Attributes attributes;
};
struct Close {
  std::string handle;
};
struct Read {
  std::string handle;
  std::uint64_t offset;
  std::uint32_t length;
};
/// `data` borrows from the message.
struct Write {
  std::string handle;
  std::uint64_t offset;
  Bytes data;
};
struct Lstat {
  std::string path;
};
struct Stat {
  std::string path;
};
struct Fstat {
  std::string handle;
};
struct Setstat {
  std::string path;
  Attributes attributes;
};
struct Fsetstat {
  std::string handle;
  Attributes attributes;
};
struct Opendir {
  std::string path;
};
struct Readdir {
  std::string handle;
};
struct Remove {
  std::string path;
};
struct Mkdir {
  std::string path;
  Attributes attributes;
};
struct Rmdir {
  std::string path;
};
struct Realpath {
  std::string path;
};
struct Rename {
  std::string from;
  std::string to;
};
struct Readlink {
  std::string path;
};
/// OpenSSH's order on the wire, which every client expects: the target first (PROTOCOL section 4.1), against the draft.
struct Symlink {
  std::string target;
  std::string link;
};

/// posix-rename@openssh.com: replaces the target.
struct PosixRename {
  std::string from;
  std::string to;
};
struct Statvfs {
  std::string path;
};
struct Fstatvfs {
  std::string handle;
};
struct Hardlink {
  std::string existing;
  std::string link;
};
struct Fsync {
  std::string handle;
};
/// As SETSTAT, without following a link at the end of the path.
struct Lsetstat {
  std::string path;
  Attributes attributes;
};
struct Limits {};
/// "~", "~name" and "." made absolute.
struct ExpandPath {
  std::string path;
};
/// copy-data (draft-ietf-secsh-filexfer-extensions-00 section 7); length 0: to the end of the file.
struct CopyData {
  std::string from_handle;
  std::uint64_t from_offset;
  std::uint64_t length;
  std::string to_handle;
  std::uint64_t to_offset;
};
struct HomeDirectory {
  std::string user;
};
struct UsersGroupsById {
  std::vector<std::uint32_t> uids;
  std::vector<std::uint32_t> gids;
};
/// An extension or number that we do not know: the answer is operation_unsupported.
struct Unknown {
  std::uint8_t number;
  std::string extension;
};

using Body = std::variant<Init, Open, Close, Read, Write, Lstat, Stat, Fstat, Setstat, Fsetstat, Opendir, Readdir, Remove, Mkdir, Rmdir,
                          Realpath, Rename, Readlink, Symlink, PosixRename, Statvfs, Fstatvfs, Hardlink, Fsync, Lsetstat, Limits,
                          ExpandPath, CopyData, HomeDirectory, UsersGroupsById, Unknown>;
struct Request {
  std::uint32_t id = 0;  ///< none for Init
  Body body;
};

/// @param message  without its length
/// @error bad_encoding: malformed, left-over octets, a path with a NUL octet or longer than max_path, a list that is too long. The caller
///        answers bad_message when request_id() finds an id, and closes the channel when it does not.
ProtocolResult<Request> parse_request(Bytes message);
/// The id of a message that may be malformed behind it.
std::optional<std::uint32_t> request_id(Bytes message);
/// The name of a request as OpenSSH's sftp-server spells it in its allow and deny lists ("open", "posix-rename", …); empty for Init and
/// Unknown.
std::string_view request_name(const Body& body);
/// Whether a request can change files; for Open it is judged by its flags.
bool writes(const Body& body);

/// Extensions that VERSION announces, with their versions.
struct ExtensionName {
  std::string_view name;
  std::string_view version;
};
const std::vector<ExtensionName>& announced_extensions();

// ---- answers: whole messages, length first -----------------------------------------------------------------------------------------

struct NameEntry {
  std::string name;
  std::string long_name;  ///< as `ls -l` shows it
  Attributes attributes;
};
struct FilesystemFacts {
  std::uint64_t block_size, fragment_size, blocks, blocks_free, blocks_available, files, files_free, files_available, id;
  bool read_only;
  bool no_setuid;
  std::uint64_t name_max;
};

ByteVector write_version();
ByteVector write_status(std::uint32_t id, Status status, std::string_view text = {});
ByteVector write_handle(std::uint32_t id, std::string_view handle);
/// The first `header` octets of a DATA answer for `length` octets that the caller reads in place behind them.
inline constexpr std::size_t data_header = 13;
void write_data_header(std::span<std::uint8_t, data_header> out, std::uint32_t id, std::uint32_t length);
ByteVector write_names(std::uint32_t id, const std::vector<NameEntry>& entries);
ByteVector write_attributes(std::uint32_t id, const Attributes& attributes);
ByteVector write_statvfs(std::uint32_t id, const FilesystemFacts& facts);
/// @param open_handles  how many a client may hold
ByteVector write_limits(std::uint32_t id, std::uint64_t open_handles);
ByteVector write_users_groups(std::uint32_t id, const std::vector<std::string>& users, const std::vector<std::string>& groups);

/// The words of section 7 for a person.
std::string_view status_text(Status status);

}  // namespace gatehouse::sftp
