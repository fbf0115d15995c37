/// sshd_config(5): reading it, and asking it what holds for a connection.
///
/// Keywords in any case, arguments quoted with " or ', # to the end of the line, Include with globs (relative to the folder of the first
/// file), Match. The first value of a keyword wins; a value in a Match block that applies goes before one outside. Strict: what is not
/// understood, not supported or would weaken certificate-only login is an error with file, line and mend, and all errors are reported.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

inline constexpr std::size_t max_config_size = 4 * 1024 * 1024;  ///< of all files together

/// What Match asks about. What is unknown is empty and matches no pattern but a bare `Match All`.
struct ConnectionFacts {
  std::string user;
  std::vector<std::string> groups;  ///< names of all groups of the user
  bool invalid_user = false;        ///< the user does not exist (Match invalid-user)
  std::string host;                 ///< the address, as UseDNS is always no
  std::string address;              ///< numeric; an IPv4-mapped IPv6 address is written as IPv4
  std::uint16_t port = 0;           ///< the peer's
  std::string local_address;
  std::uint16_t local_port = 0;
};

/// "user=alice,addr=192.0.2.1,host=…,laddr=…,lport=22,group=…" as -C takes it; group= is ours and may repeat, so that a test needs no
/// account. @error unknown word, empty value, bad port
Result<ConnectionFacts> parse_connection_spec(std::string_view spec);

using Problems = std::vector<Problem>;

class Configuration {
 public:
  /// Reads `path` and what it includes.
  /// @param options  as given with -o, "Keyword=value" or "Keyword value": they go before the file's first line, so they win
  static Result<Configuration, Problems> load(const std::string& path, const std::vector<std::string>& options = {});
  /// The same from memory; Include works relative to the folder of `name`.
  static Result<Configuration, Problems> parse(std::string_view text, const std::string& name,
                                               const std::vector<std::string>& options = {});

  /// What holds outside Match blocks.
  const Settings& global() const;
  /// What holds for a connection.
  Settings settings_for(const ConnectionFacts& facts) const;
  /// Whether some Match block asks for the criterion ("group"), so that the caller need not find out in vain.
  bool matches_on(std::string_view criterion) const;

  /// Each file named anywhere (Match blocks too) that this process cannot open, the PKCS#11 module and the missing host key included:
  /// what keeps the server from starting, with the line that asks for it.
  Problems startup_problems() const;
  /// What is legal but surely not meant, a line each: a second value that is ignored, no TrustedUserCAKeys at all, …
  const std::vector<Problem>& notes() const;

  /// The whole configuration as octets for another process of ours, and back. No file is opened by deserialize().
  ByteVector serialize() const;
  static Result<Configuration> deserialize(Bytes bytes);

  /// All TrustedUserCAKeys, BreakGlassCAKeys and RevokedKeys files named anywhere.
  struct TrustFiles {
    std::vector<std::string> ca_keys;
    std::vector<std::string> revoked_keys;
  };
  TrustFiles trust_files() const;

 private:
  struct Content;
  explicit Configuration(std::shared_ptr<const Content> content);
  std::shared_ptr<const Content> content_;
};

/// What -T and -G print: one "keyword value" line per setting, keyword in lower case, as sshd does, our own keywords too.
std::string dump(const Settings& settings);

/// As Include and -f name a folder or file: reads at most max_config_size. @error Problem with path and mend
Result<std::string> read_config_file(const std::string& path, std::size_t limit = max_config_size);

}  // namespace gatehouse::sshd
