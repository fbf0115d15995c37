/// The directory over LDAP. Every question is asked live: nothing about a person is kept.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ca/directory/person.h"
#include "ca/directory/settings.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

/// Whether the directory would answer now.
struct DirectoryHealth {
  bool answers = false;
  std::string server;  ///< that answered, or was tried last
  std::string text;    ///< why not
};

/// For any number of threads; each call blocks its own (total_timeout at most).
class Directory {
 public:
  /// Opens no connection yet: a directory that is away is no reason not to start. Call it while the process has one thread.
  /// @error what checked(settings) says, or a bind_password_file that cannot be used
  static Result<std::unique_ptr<Directory>> open(DirectorySettings settings);
  ~Directory();

  /// Search first (exactly one entry), then bind as that entry on a connection of its own, then groups by the service account.
  /// @param attributes  names of further attributes of the entry to give back (Policy::attributes_wanted)
  DirectoryResult<Person> log_in(std::string_view user, const SecretBytes& password, std::span<const std::string> attributes = {});
  /// The same without a password, for callers who hold another proof (renewal, enrolled key). The account's state is read from the entry.
  DirectoryResult<Person> look_up(std::string_view user, std::span<const std::string> attributes = {});

  /// Connects (or uses an idle connection), binds as the service account and reads the base entry.
  DirectoryHealth probe();

 private:
  class Impl;
  explicit Directory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Keeps libldap from reading ldap.conf, ldaprc and LDAP* variables (LDAPNOINIT), and ignores SIGPIPE, which libldap does not. Call at the
/// top of main, before threads and before any other call into libldap; Directory::open refuses to work where it was not called.
void isolate_from_ldap_configuration();

}  // namespace gatehouse::ca
