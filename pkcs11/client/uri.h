/// PKCS#11 URIs (RFC 7512), parsed by p11-kit and checked strictly after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::pkcs11 {

/// What a URI must at least say.
enum class UriNames : std::uint8_t {
  token,  ///< a token: its label or its serial
  key,    ///< a token, and in it an object: its label or its id
};

/// The parts of a URI that we match by. An absent part matches anything.
struct Uri {
  std::string text;  ///< as given
  std::optional<std::string> token, manufacturer, serial, model;
  std::optional<std::string> object;
  std::optional<ByteVector> id;
  std::optional<std::string> type;  ///< "private" or "public"
  std::optional<std::string> module_path;
  std::optional<std::string> pin_source;

  /// @error names the part that is wrong and how to write it: another scheme, an attribute that is unknown, repeated, empty, too long or
  /// not allowed here (pin-value: it would be seen in configurations and logs; slot-id and library-*: they move), a bad percent escape,
  /// a NUL, a fragment, white space, a relative module-path or pin-source, `type` other than private and public; not enough parts
  static Result<Uri> parse(std::string_view text, UriNames names);

  /// "pkcs11:token=…;…" with what is not unreserved percent-encoded; the parts in the order of this struct.
  std::string write() const;
};

}  // namespace gatehouse::pkcs11
