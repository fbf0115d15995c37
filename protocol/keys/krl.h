/// Key revocation lists (OpenSSH PROTOCOL.krl).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/serial_set.h"

namespace gatehouse::keys {

inline constexpr std::size_t max_krl_size = 64 * 1024 * 1024;
/// More than a file of max_krl_size holds as lists and ranges; a bitmap of alternating bits would unfold to 64 times its size.
inline constexpr std::size_t max_krl_ranges = 16 * 1024 * 1024;

/// Why a key or certificate is revoked; none: it is not.
enum class Revocation : std::uint8_t { none, key, ca_key, serial, key_id };

/// A revocation list in a form that answers quickly and writes itself out.
class Krl {
 public:
  /// @error bad_encoding: malformed, unknown format version, unknown critical section, a signature section (OpenSSH 9.4 and later refuse
  /// it)
  static ProtocolResult<Krl> parse(Bytes file);
  /// The file: a pure function of the content.
  ByteVector write() const;

  std::uint64_t version = 0;
  std::uint64_t date = 0;  ///< Unix seconds of generation
  std::string comment;

  /// @param ca_key  blob of the CA key; empty revokes for any CA
  /// @param first   not 0, which is never matched, and not above `last`; else aborts
  void revoke_serials(Bytes ca_key, std::uint64_t first, std::uint64_t last);
  void revoke_key_id(Bytes ca_key, std::string key_id);
  /// A plain key, also as subject or CA key of certificates.
  void revoke_key(Bytes key_blob);
  /// @param digest  32 octets, else aborts
  void revoke_sha256(Bytes digest);
  /// @param digest  20 octets, else aborts
  void revoke_sha1(Bytes digest);

  Revocation check(const PublicKey& key) const;
  /// Key id first, then serial; then the subject key and the CA key as explicit keys.
  Revocation check(const Certificate& certificate) const;

 private:
  struct CertificateSection {
    SerialSet serials;
    std::set<std::string> key_ids;
  };
  class Parser;
  bool revoked_blob(Bytes blob) const;
  std::map<ByteVector, CertificateSection> sections_;  ///< by CA key blob; empty = any CA
  std::set<ByteVector> keys_;
  std::set<ByteVector> sha256_;
  std::set<ByteVector> sha1_;
};

}  // namespace gatehouse::keys
