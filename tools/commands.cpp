#include "tools/command.h"

namespace gatehouse::tools {

std::span<const Command> all_commands() {
  static constexpr Command commands[] = {
      {"login", "get a certificate into the agent", login_command},
      {"logout", "make the agent forget its log-ins", logout_command},
      {"status", "show the agent's log-ins", status_command},
      {"cert request", "get a certificate for a key file (services, CI)", cert_request_command},
      {"cert show", "show what a certificate says", cert_show_command},
      {"host enroll", "get host certificates for the server's keys", host_enroll_command},
      {"trust fetch", "fetch the CA's signed list of keys to trust", trust_fetch_command},
      {"krl fetch", "fetch the CA's signed revocation list", krl_fetch_command},
      {"revoke", "revoke certificates", revoke_command},
      {"key generate", "make a key in a token", key_generate_command},
      {"key list", "list the keys of a token", key_list_command},
      {"key show", "show one key of a token", key_show_command},
      {"key destroy", "destroy a key in a token", key_destroy_command},
  };
  return commands;
}

}  // namespace gatehouse::tools
