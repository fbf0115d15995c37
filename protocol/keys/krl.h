/// Key revocation lists (OpenSSH PROTOCOL.krl).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::keys {

inline constexpr std::size_t max_krl_size = 64 * 1024 * 1024;

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

  /// @param ca_key  blob of the CA key; empty revokes for any CA. Serial 0 is never matched and not accepted here.
  void revoke_serials(Bytes ca_key, std::uint64_t first, std::uint64_t last);
  void revoke_key_id(Bytes ca_key, std::string key_id);
  void revoke_key(Bytes key_blob);
  void revoke_sha256(Bytes digest);
  void revoke_sha1(Bytes digest);

  Revocation check(const PublicKey& key) const;
  /// Key id first, then serial; then the subject key and the CA key as explicit keys.
  Revocation check(const Certificate& certificate) const;

 private:
  struct CertificateSection {
    std::map<std::uint64_t, std::uint64_t> serials;  ///< first → last, disjoint, merged
    std::set<std::string> key_ids;
  };
  bool revoked_blob(Bytes blob) const;
  std::map<ByteVector, CertificateSection> sections_;  ///< by CA key blob; empty = any CA
  std::set<ByteVector> keys_;
  std::set<ByteVector> sha256_;
  std::set<ByteVector> sha1_;
};

}  // namespace gatehouse::keys
