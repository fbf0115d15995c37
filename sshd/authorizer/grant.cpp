#include "sshd/authorizer/grant.h"

#include <array>
#include <utility>

namespace gatehouse::sshd {

namespace {

constexpr std::array words{
    std::pair{Reason::no_certificate, std::string_view("no_certificate")},
    std::pair{Reason::unsupported_algorithm, std::string_view("unsupported_algorithm")},
    std::pair{Reason::malformed, std::string_view("malformed")},
    std::pair{Reason::untrusted_ca, std::string_view("untrusted_ca")},
    std::pair{Reason::ca_algorithm, std::string_view("ca_algorithm")},
    std::pair{Reason::not_a_user_certificate, std::string_view("not_a_user_certificate")},
    std::pair{Reason::not_yet_valid, std::string_view("not_yet_valid")},
    std::pair{Reason::expired, std::string_view("expired")},
    std::pair{Reason::lifetime_exceeds_maximum, std::string_view("lifetime_exceeds_maximum")},
    std::pair{Reason::no_principals, std::string_view("no_principals")},
    std::pair{Reason::principal_mismatch, std::string_view("principal_mismatch")},
    std::pair{Reason::source_address, std::string_view("source_address")},
    std::pair{Reason::unknown_critical_option, std::string_view("unknown_critical_option")},
    std::pair{Reason::key_too_small, std::string_view("key_too_small")},
    std::pair{Reason::revoked, std::string_view("revoked")},
    std::pair{Reason::krl_unavailable, std::string_view("krl_unavailable")},
    std::pair{Reason::trust_unavailable, std::string_view("trust_unavailable")},
    std::pair{Reason::principals_unavailable, std::string_view("principals_unavailable")},
    std::pair{Reason::forced_command_conflict, std::string_view("forced_command_conflict")},
    std::pair{Reason::bad_signature, std::string_view("bad_signature")},
    std::pair{Reason::invalid_user, std::string_view("invalid_user")},
};

}  // namespace

std::string_view reason_word(Reason reason) {
  for (const auto& [value, word] : words) {
    if (value == reason) return word;
  }
  return "unknown";
}

std::optional<Reason> reason_by_word(std::string_view word) {
  for (const auto& [value, known] : words) {
    if (known == word) return value;
  }
  return std::nullopt;
}

}  // namespace gatehouse::sshd
