/// The two lists of names and values in a certificate: critical options and extensions.
#pragma once

#include <optional>
#include <vector>

#include "protocol/core/wire.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::keys {

/// @return nothing for a malformed list, a NUL in a name, a name that occurs twice, or data that does not have the form of the option's
/// name
std::optional<std::vector<CertificateOption>> parse_options(Bytes list);
/// Sorted by name. A name that occurs twice aborts.
ByteVector write_options(std::vector<CertificateOption> options);

}  // namespace gatehouse::keys
