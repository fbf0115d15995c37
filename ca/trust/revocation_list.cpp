#include "ca/trust/revocation_list.h"

namespace gatehouse::ca {

std::chrono::sys_seconds resign_time(std::chrono::sys_seconds now) { return now - now.time_since_epoch() % resign_interval; }

keys::Krl make_krl(std::span<const RevocationRow> rows, std::uint64_t version, std::chrono::sys_seconds date) {
  keys::Krl krl;
  krl.version = version;
  krl.date = static_cast<std::uint64_t>(date.time_since_epoch().count());
  for (const RevocationRow& row : rows) {
    if (row.until && *row.until <= date) continue;
    switch (row.kind) {
      case RevocationKind::serial:
        krl.revoke_serials(row.ca_key, row.serial, row.serial);
        break;
      case RevocationKind::key_id:
        krl.revoke_key_id(row.ca_key, row.key_id);
        break;
      case RevocationKind::key:
        krl.revoke_key(row.key);
        break;
    }
  }
  return krl;
}

}  // namespace gatehouse::ca
