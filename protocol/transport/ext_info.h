/// SSH_MSG_EXT_INFO (RFC 8308).
#pragma once

#include <optional>
#include <string>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"

namespace gatehouse::transport {

/// The extensions that we know. Others are skipped.
struct ExtInfo {
  /// RFC 8308 section 3.1: signature algorithms that the server accepts in publickey requests, comma separated.
  std::optional<std::string> server_sig_algs;
  bool publickey_hostbound = false;  ///< publickey-hostbound@openssh.com "0": the server understands publickey-hostbound-v00@openssh.com
  bool ping = false;                 ///< ping@openssh.com "0": PING is answered
  bool ext_info_in_auth = false;     ///< ext-info-in-auth@openssh.com "0": the client takes another EXT_INFO during authentication

  bool operator==(const ExtInfo&) const = default;
};

/// @param payload  from the message number on
/// @error bad_encoding: malformed, left-over octets, more than 64 extensions, a repeated one
ProtocolResult<ExtInfo> parse_ext_info(Bytes payload);
ByteVector write_ext_info(const ExtInfo& ext_info);

}  // namespace gatehouse::transport
