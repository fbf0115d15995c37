#include "sshd/config/patterns.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

struct Address {
  std::size_t size = 0;  ///< 4 or 16
  std::array<std::uint8_t, 16> octets{};
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  Address out;
  if (::inet_pton(AF_INET, copy.c_str(), out.octets.data()) == 1) {
    out.size = 4;
    return out;
  }
  if (::inet_pton(AF_INET6, copy.c_str(), out.octets.data()) != 1) return std::nullopt;
  out.size = 16;
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(out.octets.data(), mapped.data(), mapped.size()) == 0) {
    Address v4;
    v4.size = 4;
    std::memcpy(v4.octets.data(), out.octets.data() + 12, 4);
    return v4;
  }
  return out;
}

struct Block {
  Address address;
  unsigned prefix = 0;
};

bool bit(const Address& address, unsigned i) { return (address.octets[i / 8] >> (7 - i % 8) & 1) != 0; }

/// An address, or address/prefix. Nothing: neither (it may be a pattern). @error a prefix that does not fit
Result<std::optional<Block>> parse_block(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) {
    if (slash == std::string_view::npos) return std::optional<Block>();
    return problem("\"" + escaped(text, 64) + "\" is not an address block", {}, "write it as 192.0.2.0/24 or 2001:db8::/32");
  }
  const auto most = static_cast<unsigned>(address->size * 8);
  Block out{*address, most};
  if (slash == std::string_view::npos) return std::optional<Block>(out);
  const auto prefix = parse_number(text.substr(slash + 1), 0, most);
  if (!prefix) return problem("\"" + escaped(text, 64) + "\" has no valid prefix length", {}, "give 0 to " + std::to_string(most));
  out.prefix = static_cast<unsigned>(*prefix);
  for (unsigned i = out.prefix; i < most; ++i) {
    if (bit(*address, i)) {
      return problem("\"" + escaped(text, 64) + "\" has bits set behind its prefix", {}, "clear them, or give the length that is meant");
    }
  }
  return std::optional<Block>(out);
}

bool contains(const Block& block, const Address& address) {
  if (block.address.size != address.size) return false;
  for (unsigned i = 0; i < block.prefix; ++i) {
    if (bit(block.address, i) != bit(address, i)) return false;
  }
  return true;
}

/// The entry and whether ! stands in front.
std::pair<std::string_view, bool> without_negation(std::string_view entry) {
  if (!entry.empty() && entry.front() == '!') return {entry.substr(1), true};
  return {entry, false};
}

template <class Matches>
ListMatch list_matches(std::string_view list, Matches matches) {
  ListMatch out = ListMatch::no;
  for (const std::string& entry : split(list, ',')) {
    const auto [pattern, negated] = without_negation(entry);
    if (!matches(pattern)) continue;
    if (negated) return ListMatch::negated;
    out = ListMatch::yes;
  }
  return out;
}

/// USER or USER@HOSTS, where HOSTS is a list of host and address patterns (match_host_and_ip of sshd).
bool user_matches(const std::string& entry, std::string_view user, std::string_view host, std::string_view address) {
  const auto at = entry.rfind('@');
  if (at == std::string::npos) return pattern_matches(entry, user);
  if (!pattern_matches(std::string_view(entry).substr(0, at), user)) return false;
  const std::string_view hosts = std::string_view(entry).substr(at + 1);
  const ListMatch by_address = address_list_matches(hosts, address);
  const ListMatch by_name = pattern_list_matches(lower_case(hosts), lower_case(host));
  if (by_address == ListMatch::negated || by_name == ListMatch::negated) return false;
  return by_address == ListMatch::yes || by_name == ListMatch::yes;
}

bool any_user(const std::vector<std::string>& list, std::string_view user, std::string_view host, std::string_view address) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& entry) { return user_matches(entry, user, host, address); });
}

bool any_group(const std::vector<std::string>& list, const std::vector<std::string>& groups) {
  return std::any_of(list.begin(), list.end(), [&groups](const std::string& entry) {
    return std::any_of(groups.begin(), groups.end(), [&entry](const std::string& group) { return pattern_matches(entry, group); });
  });
}

}  // namespace

bool pattern_matches(std::string_view pattern, std::string_view text) {
  // Greedy with one remembered star: linear in the text for each star, no recursion for a hostile pattern to deepen.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

ListMatch pattern_list_matches(std::string_view list, std::string_view text) {
  return list_matches(list, [text](std::string_view pattern) { return pattern_matches(pattern, text); });
}

ListMatch address_list_matches(std::string_view list, std::string_view address) {
  const auto parsed = parse_address(address);
  if (!parsed) return ListMatch::no;
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(parsed->size == 4 ? AF_INET : AF_INET6, parsed->octets.data(), text.data(), text.size());
  return list_matches(list, [&](std::string_view entry) {
    const auto block = parse_block(entry);
    if (!block) return false;
    if (*block) return contains(**block, *parsed);
    return pattern_matches(lower_case(entry), text.data());
  });
}

Result<void> check_address_list(std::string_view list) {
  for (const std::string& entry : split(list, ',')) {
    const std::string_view text = without_negation(entry).first;
    if (text.empty()) return problem("an empty entry in a list of addresses", {}, "take out the superfluous comma");
    const auto block = parse_block(text);
    if (!block) return tl::unexpected(block.error());
    if (!*block && text.find_first_not_of("0123456789abcdefABCDEF.:*?") != std::string_view::npos) {
      return problem("\"" + escaped(text, 64) + "\" is no address", {}, "give addresses, blocks as 192.0.2.0/24, or patterns as 192.0.2.*");
    }
  }
  return {};
}

std::string_view refused_by_lists(const Settings& settings, std::string_view user, const std::vector<std::string>& groups,
                                  std::string_view host, std::string_view address) {
  // In the order of allowed_user() that sshd_config(5) documents.
  if (any_user(settings.deny_users, user, host, address)) return "DenyUsers";
  if (!settings.allow_users.empty() && !any_user(settings.allow_users, user, host, address)) return "AllowUsers";
  if (any_group(settings.deny_groups, groups)) return "DenyGroups";
  if (!settings.allow_groups.empty() && !any_group(settings.allow_groups, groups)) return "AllowGroups";
  return {};
}

}  // namespace gatehouse::sshd
