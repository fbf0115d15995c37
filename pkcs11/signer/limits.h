/// What each key of a certificate authority may sign: the signer's own word, whatever those who ask have decided.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pkcs11/client/uri.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::pkcs11 {

enum class Signable : std::uint8_t { user, host, krl, trust, checkpoint };
std::string_view signable_name(Signable kind);

/// One table [[key]] of the limits file.
struct KeyLimits {
  Uri uri;
  std::set<Signable> signs;
  std::uint64_t max_lifetime = 0;                         ///< seconds from valid after to valid before, back-dating not counted
  std::uint64_t max_back_dating = 300;                    ///< seconds that valid after may lie in the past
  std::uint64_t max_forward_dating = 300;                 ///< seconds that valid after may lie in the future
  std::vector<std::string> allowed_principals{"*"};       ///< patterns with * and ?
  std::vector<std::string> forbidden_principals{"root"};  ///< patterns; root is let in by naming it in allowed_principals
  std::uint32_t per_minute = 600;
  std::uint32_t burst = 100;
};

/// The limits file:
///
///     [[key]]
///     uri = "pkcs11:token=ca;object=user-ca"  # as configured; the order of its parts does not matter
///     signs = ["user"]                        # user, host, krl, trust, checkpoint
///     max_lifetime = "24h"                    # or seconds; needed for user and host
///     max_back_dating = "5m"
///     max_forward_dating = "5m"
///     allowed_principals = ["*"]
///     forbidden_principals = ["root"]
///     per_minute = 600
///     burst = 100
class Limits {
 public:
  /// The file belongs to root or to this process' account, and nobody else can write it. @error with file, line and mend
  static Result<Limits> load(const std::string& path);
  /// @param where  the file's name, for errors
  static Result<Limits> parse(std::string_view text, const std::string& where);

  /// @error a key (URI as configured) for which there is no table
  Result<void> check_cover(const std::vector<Uri>& configured) const;
  /// The table for a key; null: the key may sign nothing. @param uri  as configured
  const KeyLimits* find(const Uri& uri) const;

 private:
  std::string where_;
  std::vector<KeyLimits> keys_;
};

/// Why the certificate may not be signed under these limits; empty: it may. @param now  Unix seconds
std::string forbidden(const KeyLimits& limits, const keys::CertificateFields& certificate, std::uint64_t now);

/// A token bucket: `burst` at once, then `per_minute`.
class Rate {
 public:
  using Clock = std::chrono::steady_clock;
  Rate(std::uint32_t per_minute, std::uint32_t burst) : per_second_(per_minute / 60.0), burst_(burst), left_(burst) {}
  bool take(Clock::time_point now);

 private:
  double per_second_;
  double burst_;
  double left_;
  Clock::time_point last_{};
};

}  // namespace gatehouse::pkcs11
