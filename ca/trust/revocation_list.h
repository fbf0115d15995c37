/// The KRL as a pure function of the ledger: all nodes of a CA make the same octets for the same version and date.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "ca/ledger/rows.h"
#include "protocol/keys/krl.h"

namespace gatehouse::ca {

/// How often the KRL gets a new date, and the trust bundle a new time of issue: servers with RevokedKeysMaxAge see that it is alive.
inline constexpr std::chrono::seconds resign_interval{600};

/// The latest multiple of resign_interval that is not in the future.
std::chrono::sys_seconds resign_time(std::chrono::sys_seconds now);

/// @param rows  all revocations up to `version`; those that can hit nothing valid at `date` any more are left out
keys::Krl make_krl(std::span<const RevocationRow> rows, std::uint64_t version, std::chrono::sys_seconds date);

}  // namespace gatehouse::ca
