/// Identification strings (RFC 4253 section 4.2).
#pragma once

#include <string>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/transport/algorithms.h"

namespace gatehouse::transport {

/// "The maximum length of the string is 255 characters, including the Carriage Return and Line Feed."
inline constexpr std::size_t max_identification = 255;
/// Lines that a server may send before its identification string, and octets in each.
inline constexpr std::size_t max_lines_before = 1024;
inline constexpr std::size_t max_line_before = 8192;

/// "SSH-2.0-Gatehouse_0.1", and " comments" if there are some. Without CR LF.
/// @param comments  printable US-ASCII; what does not fit in the length is cut
std::string our_identification(std::string_view comments = {});

/// Reads lines until the peer has identified itself.
class IdentificationReader {
 public:
  /// @param role  ours: only a client reads lines before the identification string
  explicit IdentificationReader(Role role) : role_(role) {}

  struct Progress {
    std::size_t consumed = 0;  ///< octets of the input that are done with
    bool complete = false;
  };
  /// @error bad_identification: too long, characters other than printable US-ASCII, anything before "SSH-" at a server, too many lines;
  /// unsupported_version: protoversion other than 2.0 (a client takes 1.99 too)
  ProtocolResult<Progress> feed(Bytes input);
  /// The peer's line without CR LF, once complete.
  const std::string& identification() const { return line_; }

 private:
  ProtocolResult<bool> line_complete();
  Role role_;
  std::string line_;
  std::size_t lines_before_ = 0;
};

}  // namespace gatehouse::transport
