#include "protocol/sftp/messages.h"

#include <algorithm>

namespace gatehouse::sftp {

namespace {

constexpr std::size_t max_handle = 256;  // the draft's limit, section 6.3
constexpr std::size_t max_ids = 4096;
constexpr std::uint32_t attribute_size = 0x00000001;
constexpr std::uint32_t attribute_owner = 0x00000002;
constexpr std::uint32_t attribute_permissions = 0x00000004;
constexpr std::uint32_t attribute_times = 0x00000008;
constexpr std::uint32_t attribute_extended = 0x80000000;

/// A reader that also refuses what no file system call could take.
class RequestReader {
 public:
  explicit RequestReader(Bytes message) : wire_(message) {}

  std::string path() {
    const std::string_view text = wire_.text();
    if (text.size() > max_path || text.find('\0') != std::string_view::npos) refused_ = true;
    return std::string(text.substr(0, max_path));
  }
  std::string handle() {
    const std::string_view text = wire_.text();
    if (text.size() > max_handle) refused_ = true;
    return std::string(text.substr(0, max_handle));
  }
  Attributes attributes() {
    Attributes attributes;
    const std::uint32_t flags = wire_.uint32();
    if ((flags & attribute_size) != 0) attributes.size = wire_.uint64();
    if ((flags & attribute_owner) != 0) {
      const std::uint32_t uid = wire_.uint32();
      attributes.owner = Attributes::Owner{uid, wire_.uint32()};
    }
    if ((flags & attribute_permissions) != 0) attributes.permissions = wire_.uint32();
    if ((flags & attribute_times) != 0) {
      const std::uint32_t accessed = wire_.uint32();
      attributes.times = Attributes::Times{accessed, wire_.uint32()};
    }
    if ((flags & attribute_extended) != 0) {
      const std::uint32_t count = wire_.uint32();
      for (std::uint32_t i = 0; i < count && !wire_.failed(); ++i) {
        wire_.string();
        wire_.string();
      }
    }
    return attributes;
  }
  std::vector<std::uint32_t> ids() {
    WireReader list(wire_.string());
    std::vector<std::uint32_t> values;
    while (list.more() && values.size() < max_ids) values.push_back(list.uint32());
    if (!list.finish()) refused_ = true;
    return values;
  }

  WireReader& wire() { return wire_; }
  bool finish() const { return wire_.finish() && !refused_; }

 private:
  WireReader wire_;
  bool refused_ = false;
};

Body read_extended(RequestReader& reader) {
  const std::string name(reader.wire().text());
  if (name == "posix-rename@openssh.com") {
    std::string from = reader.path();
    return PosixRename{std::move(from), reader.path()};
  }
  if (name == "statvfs@openssh.com") return Statvfs{reader.path()};
  if (name == "fstatvfs@openssh.com") return Fstatvfs{reader.handle()};
  if (name == "hardlink@openssh.com") {
    std::string existing = reader.path();
    return Hardlink{std::move(existing), reader.path()};
  }
  if (name == "fsync@openssh.com") return Fsync{reader.handle()};
  if (name == "lsetstat@openssh.com") {
    std::string path = reader.path();
    return Lsetstat{std::move(path), reader.attributes()};
  }
  if (name == "limits@openssh.com") return Limits{};
  if (name == "expand-path@openssh.com") return ExpandPath{reader.path()};
  if (name == "copy-data") {
    CopyData copy;
    copy.from_handle = reader.handle();
    copy.from_offset = reader.wire().uint64();
    copy.length = reader.wire().uint64();
    copy.to_handle = reader.handle();
    copy.to_offset = reader.wire().uint64();
    return copy;
  }
  if (name == "home-directory") return HomeDirectory{reader.path()};
  if (name == "users-groups-by-id@openssh.com") {
    UsersGroupsById wanted;
    wanted.uids = reader.ids();
    wanted.gids = reader.ids();
    return wanted;
  }
  reader.wire().rest();
  return Unknown{static_cast<std::uint8_t>(Number::extended), name.substr(0, 256)};
}

Body read_body(std::uint8_t number, RequestReader& reader) {
  switch (static_cast<Number>(number)) {
    case Number::open: {
      Open open;
      open.path = reader.path();
      open.flags = reader.wire().uint32();
      open.attributes = reader.attributes();
      return open;
    }
    case Number::close:
      return Close{reader.handle()};
    case Number::read: {
      Read read;
      read.handle = reader.handle();
      read.offset = reader.wire().uint64();
      read.length = reader.wire().uint32();
      return read;
    }
    case Number::write: {
      Write write;
      write.handle = reader.handle();
      write.offset = reader.wire().uint64();
      write.data = reader.wire().string();
      return write;
    }
    case Number::lstat:
      return Lstat{reader.path()};
    case Number::stat:
      return Stat{reader.path()};
    case Number::fstat:
      return Fstat{reader.handle()};
    case Number::setstat: {
      std::string path = reader.path();
      return Setstat{std::move(path), reader.attributes()};
    }
    case Number::fsetstat: {
      std::string handle = reader.handle();
      return Fsetstat{std::move(handle), reader.attributes()};
    }
    case Number::opendir:
      return Opendir{reader.path()};
    case Number::readdir:
      return Readdir{reader.handle()};
    case Number::remove:
      return Remove{reader.path()};
    case Number::mkdir: {
      std::string path = reader.path();
      return Mkdir{std::move(path), reader.attributes()};
    }
    case Number::rmdir:
      return Rmdir{reader.path()};
    case Number::realpath:
      return Realpath{reader.path()};
    case Number::rename: {
      std::string from = reader.path();
      return Rename{std::move(from), reader.path()};
    }
    case Number::readlink:
      return Readlink{reader.path()};
    case Number::symlink: {
      std::string target = reader.path();
      return Symlink{std::move(target), reader.path()};
    }
    case Number::extended:
      return read_extended(reader);
    default:
      break;
  }
  reader.wire().rest();
  return Unknown{number, {}};
}

void put_attributes(WireWriter& writer, const Attributes& attributes) {
  std::uint32_t flags = 0;
  if (attributes.size) flags |= attribute_size;
  if (attributes.owner) flags |= attribute_owner;
  if (attributes.permissions) flags |= attribute_permissions;
  if (attributes.times) flags |= attribute_times;
  writer.uint32(flags);
  if (attributes.size) writer.uint64(*attributes.size);
  if (attributes.owner) writer.uint32(attributes.owner->uid).uint32(attributes.owner->gid);
  if (attributes.permissions) writer.uint32(*attributes.permissions);
  if (attributes.times) writer.uint32(attributes.times->accessed).uint32(attributes.times->modified);
}

WireWriter answer(Number number, std::uint32_t id) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(number)).uint32(id);
  return writer;
}

ByteVector whole(const WireWriter& writer) { return WireWriter().string(writer.view()).take(); }

void put_texts(WireWriter& writer, const std::vector<std::string>& texts) {
  WireWriter list;
  for (const std::string& text : texts) list.string(text);
  writer.string(list.view());
}

}  // namespace

ProtocolResult<Request> parse_request(Bytes message) {
  if (message.empty()) return violation(Violation::bad_encoding, "empty SFTP message");
  RequestReader reader(message);
  const std::uint8_t number = reader.wire().byte();
  Request request;
  if (number == static_cast<std::uint8_t>(Number::init)) {
    request.body = Init{reader.wire().uint32()};
    while (reader.wire().more()) reader.wire().string();  // extension pairs of the client; none is defined
  } else {
    request.id = reader.wire().uint32();
    request.body = read_body(number, reader);
  }
  if (!reader.finish()) return violation(Violation::bad_encoding, "SFTP message " + std::to_string(number));
  return ProtocolResult<Request>(std::move(request));
}

std::optional<std::uint32_t> request_id(Bytes message) {
  WireReader reader(message);
  const std::uint8_t number = reader.byte();
  const std::uint32_t id = reader.uint32();
  if (reader.failed() || number == static_cast<std::uint8_t>(Number::init)) return std::nullopt;
  return id;
}

namespace {

struct NameOf {
  std::string_view operator()(const Init&) const { return {}; }
  std::string_view operator()(const Unknown&) const { return {}; }
  std::string_view operator()(const Open&) const { return "open"; }
  std::string_view operator()(const Close&) const { return "close"; }
  std::string_view operator()(const Read&) const { return "read"; }
  std::string_view operator()(const Write&) const { return "write"; }
  std::string_view operator()(const Lstat&) const { return "lstat"; }
  std::string_view operator()(const Stat&) const { return "stat"; }
  std::string_view operator()(const Fstat&) const { return "fstat"; }
  std::string_view operator()(const Setstat&) const { return "setstat"; }
  std::string_view operator()(const Fsetstat&) const { return "fsetstat"; }
  std::string_view operator()(const Opendir&) const { return "opendir"; }
  std::string_view operator()(const Readdir&) const { return "readdir"; }
  std::string_view operator()(const Remove&) const { return "remove"; }
  std::string_view operator()(const Mkdir&) const { return "mkdir"; }
  std::string_view operator()(const Rmdir&) const { return "rmdir"; }
  std::string_view operator()(const Realpath&) const { return "realpath"; }
  std::string_view operator()(const Rename&) const { return "rename"; }
  std::string_view operator()(const Readlink&) const { return "readlink"; }
  std::string_view operator()(const Symlink&) const { return "symlink"; }
  std::string_view operator()(const PosixRename&) const { return "posix-rename"; }
  std::string_view operator()(const Statvfs&) const { return "statvfs"; }
  std::string_view operator()(const Fstatvfs&) const { return "fstatvfs"; }
  std::string_view operator()(const Hardlink&) const { return "hardlink"; }
  std::string_view operator()(const Fsync&) const { return "fsync"; }
  std::string_view operator()(const Lsetstat&) const { return "lsetstat"; }
  std::string_view operator()(const Limits&) const { return "limits"; }
  std::string_view operator()(const ExpandPath&) const { return "expand-path"; }
  std::string_view operator()(const CopyData&) const { return "copy-data"; }
  std::string_view operator()(const HomeDirectory&) const { return "home-directory"; }
  std::string_view operator()(const UsersGroupsById&) const { return "users-groups-by-id"; }
};

}  // namespace

std::string_view request_name(const Body& body) { return std::visit(NameOf{}, body); }

bool writes(const Body& body) {
  if (const auto* open = std::get_if<Open>(&body)) return (open->flags & ~open_flag::read) != 0;
  return std::holds_alternative<Write>(body) || std::holds_alternative<Setstat>(body) || std::holds_alternative<Fsetstat>(body) ||
         std::holds_alternative<Lsetstat>(body) || std::holds_alternative<Remove>(body) || std::holds_alternative<Mkdir>(body) ||
         std::holds_alternative<Rmdir>(body) || std::holds_alternative<Rename>(body) || std::holds_alternative<PosixRename>(body) ||
         std::holds_alternative<Symlink>(body) || std::holds_alternative<Hardlink>(body) || std::holds_alternative<CopyData>(body) ||
         std::holds_alternative<Fsync>(body);
}

const std::vector<ExtensionName>& announced_extensions() {
  static const std::vector<ExtensionName> names = {
      {"posix-rename@openssh.com", "1"},
      {"statvfs@openssh.com", "2"},
      {"fstatvfs@openssh.com", "2"},
      {"hardlink@openssh.com", "1"},
      {"fsync@openssh.com", "1"},
      {"lsetstat@openssh.com", "1"},
      {"limits@openssh.com", "1"},
      {"expand-path@openssh.com", "1"},
      {"copy-data", "1"},
      {"home-directory", "1"},
      {"users-groups-by-id@openssh.com", "1"},
  };
  return names;
}

ByteVector write_version() {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(Number::version)).uint32(protocol_version);
  for (const ExtensionName& extension : announced_extensions()) writer.string(extension.name).string(extension.version);
  return whole(writer);
}

std::string_view status_text(Status status) {
  switch (status) {
    case Status::ok:
      return "Success";
    case Status::eof:
      return "End of file";
    case Status::no_such_file:
      return "No such file";
    case Status::permission_denied:
      return "Permission denied";
    case Status::failure:
      return "Failure";
    case Status::bad_message:
      return "Bad message";
    case Status::no_connection:
      return "No connection";
    case Status::connection_lost:
      return "Connection lost";
    case Status::operation_unsupported:
      return "Operation unsupported";
  }
  return "Failure";
}

ByteVector write_status(std::uint32_t id, Status status, std::string_view text) {
  WireWriter writer = answer(Number::status, id);
  writer.uint32(static_cast<std::uint32_t>(status)).string(text.empty() ? status_text(status) : text).string("");
  return whole(writer);
}

ByteVector write_handle(std::uint32_t id, std::string_view handle) {
  WireWriter writer = answer(Number::handle, id);
  writer.string(handle);
  return whole(writer);
}

void write_data_header(std::span<std::uint8_t, data_header> out, std::uint32_t id, std::uint32_t length) {
  WireWriter writer;
  writer.uint32(length + data_header - 4).byte(static_cast<std::uint8_t>(Number::data)).uint32(id).uint32(length);
  std::copy(writer.view().begin(), writer.view().end(), out.begin());
}

ByteVector write_names(std::uint32_t id, const std::vector<NameEntry>& entries) {
  WireWriter writer = answer(Number::name, id);
  writer.uint32(static_cast<std::uint32_t>(entries.size()));
  for (const NameEntry& entry : entries) {
    writer.string(entry.name).string(entry.long_name);
    put_attributes(writer, entry.attributes);
  }
  return whole(writer);
}

ByteVector write_attributes(std::uint32_t id, const Attributes& attributes) {
  WireWriter writer = answer(Number::attrs, id);
  put_attributes(writer, attributes);
  return whole(writer);
}

ByteVector write_statvfs(std::uint32_t id, const FilesystemFacts& facts) {
  WireWriter writer = answer(Number::extended_reply, id);
  for (const std::uint64_t value : {facts.block_size, facts.fragment_size, facts.blocks, facts.blocks_free, facts.blocks_available,
                                    facts.files, facts.files_free, facts.files_available, facts.id}) {
    writer.uint64(value);
  }
  writer.uint64((facts.read_only ? 1U : 0U) | (facts.no_setuid ? 2U : 0U)).uint64(facts.name_max);
  return whole(writer);
}

ByteVector write_limits(std::uint32_t id, std::uint64_t open_handles) {
  WireWriter writer = answer(Number::extended_reply, id);
  writer.uint64(max_message).uint64(max_transfer).uint64(max_transfer).uint64(open_handles);
  return whole(writer);
}

ByteVector write_users_groups(std::uint32_t id, const std::vector<std::string>& users, const std::vector<std::string>& groups) {
  WireWriter writer = answer(Number::extended_reply, id);
  put_texts(writer, users);
  put_texts(writer, groups);
  return whole(writer);
}

}  // namespace gatehouse::sftp
