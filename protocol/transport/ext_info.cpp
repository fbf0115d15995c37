#include "protocol/transport/ext_info.h"

#include <set>
#include <string_view>

#include "protocol/core/numbers.h"
#include "protocol/core/wire.h"

namespace gatehouse::transport {

namespace {

constexpr std::uint32_t max_extensions = 64;
constexpr std::string_view server_sig_algs = "server-sig-algs";
constexpr std::string_view publickey_hostbound = "publickey-hostbound@openssh.com";
constexpr std::string_view ping = "ping@openssh.com";
constexpr std::string_view ext_info_in_auth = "ext-info-in-auth@openssh.com";
constexpr std::string_view first_version = "0";

}  // namespace

ProtocolResult<ExtInfo> parse_ext_info(Bytes payload) {
  WireReader reader(payload);
  if (reader.byte() != static_cast<std::uint8_t>(Message::ext_info)) return violation(Violation::bad_encoding, "not an EXT_INFO");
  const std::uint32_t count = reader.uint32();
  if (count > max_extensions) return violation(Violation::bad_encoding, "EXT_INFO with too many extensions");
  ExtInfo ext_info;
  std::set<std::string_view> seen;
  for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    if (reader.failed()) break;
    if (!seen.insert(name).second) return violation(Violation::bad_encoding, "EXT_INFO repeats " + escaped(name, 64));
    if (name == server_sig_algs) ext_info.server_sig_algs = value;
    if (name == publickey_hostbound) ext_info.publickey_hostbound = value == first_version;
    if (name == ping) ext_info.ping = value == first_version;
    if (name == ext_info_in_auth) ext_info.ext_info_in_auth = value == first_version;
  }
  if (!reader.finish()) return violation(Violation::bad_encoding, "EXT_INFO");
  return ext_info;
}

ByteVector write_ext_info(const ExtInfo& ext_info) {
  WireWriter extensions;
  std::uint32_t count = 0;
  const auto add = [&](std::string_view name, std::string_view value) {
    extensions.string(name).string(value);
    ++count;
  };
  if (ext_info.server_sig_algs) add(server_sig_algs, *ext_info.server_sig_algs);
  if (ext_info.publickey_hostbound) add(publickey_hostbound, first_version);
  if (ext_info.ping) add(ping, first_version);
  if (ext_info.ext_info_in_auth) add(ext_info_in_auth, first_version);
  return WireWriter().byte(static_cast<std::uint8_t>(Message::ext_info)).uint32(count).raw(extensions.view()).take();
}

}  // namespace gatehouse::transport
