/// Trusted CA keys and revocation lists in files that are replaced while we run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sshd/authorizer/decision.h"

namespace gatehouse::sshd {

/// A text file of CA keys, one a line, # for comments. A key of a type that we do not know is left out and noted, a malformed line
/// makes the file unusable: it may be half written.
struct CaKeyFile {
  std::vector<keys::PublicKey> keys;
  std::vector<std::string> notes;
};
Result<CaKeyFile> parse_ca_key_file(Bytes content, const std::string& path);

/// A KRL, or a text file of public keys and certificates one a line, each revoked, as RevokedKeys takes both.
Result<RevocationList> parse_revoked_keys(Bytes content, const std::string& path);

/// For the log.
struct TrustNote {
  bool alarm = false;  ///< somebody should look at it
  std::string text;
  bool operator==(const TrustNote&) const = default;
};

/// Files by path. Each is loaded when first asked for and again whenever stat shows another file or content (device, inode, size,
/// mtime and ctime in nanoseconds). A revocation list whose version goes down is an alarm: the one before stays in force beside it.
class TrustState {
 public:
  TrustState();
  ~TrustState();
  TrustState(TrustState&&) noexcept;
  TrustState& operator=(TrustState&&) noexcept;

  /// What the settings name, as it is on the disk now.
  Trust trust_for(const Settings& settings, std::uint64_t now);
  /// Loads `paths` anew where they changed. @return whether any revocation list changed since the last call
  bool revocations_changed(const std::vector<std::string>& paths);
  /// What happened since the last call; a problem is told once, and when it is over.
  std::vector<TrustNote> take_notes();

 private:
  struct Files;
  std::unique_ptr<Files> files_;
};

}  // namespace gatehouse::sshd
