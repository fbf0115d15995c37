/// Keywords that say where and how to listen, and how strangers are limited.
#include <algorithm>
#include <functional>
#include <limits>

#include "sshd/config/patterns.h"
#include "sshd/config/setters.h"

namespace gatehouse::sshd {

namespace {

using namespace setter;

Result<void> set_port(Draft& draft, const Arguments& arguments) {
  const auto port = parse_number(arguments[0], 1, 65535);
  if (!port) return tl::unexpected(port.error());
  const auto value = static_cast<std::uint16_t>(*port);
  if (std::find(draft.ports.begin(), draft.ports.end(), value) == draft.ports.end()) draft.ports.push_back(value);
  return {};
}

/// HOST, ADDRESS, ADDRESS:PORT, [IPV6]:PORT, an IPv6 address without brackets and port, or "*".
Result<void> add_listen_address(Draft& draft, const Arguments& arguments) {
  if (arguments.size() > 1) return not_supported("a routing domain", "delete what follows the address");
  const std::string& text = arguments[0];
  Draft::Listen out;
  std::string port;
  if (text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string::npos)
      return problem("\"" + escaped(text, 64) + "\" lacks its closing bracket", {}, "write it as [2001:db8::1]:22");
    out.host = text.substr(1, end - 1);
    const std::string rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':')
      return problem("\"" + escaped(text, 64) + "\" is no address", {}, "write it as [2001:db8::1]:22");
    if (!rest.empty()) port = rest.substr(1);
    if (!rest.empty() && port.empty()) return problem("the port is missing behind the colon", {}, "add it, or take the colon away");
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    out.host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
    if (port.empty()) return problem("the port is missing behind the colon", {}, "add it, or take the colon away");
  } else {
    out.host = text;
  }
  if (out.host == "*") out.host.clear();
  if (out.host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_%") != std::string::npos) {
    return problem("\"" + escaped(text, 64) + "\" is no address", {}, "give an address or a host name, with :port behind it if need be");
  }
  if (!port.empty()) {
    const auto number = parse_number(port, 1, 65535);
    if (!number) return tl::unexpected(number.error());
    out.port = static_cast<std::uint16_t>(*number);
  }
  draft.listen.push_back(std::move(out));
  return {};
}

constexpr Word<AddressFamily> families[] = {{"any", AddressFamily::any}, {"inet", AddressFamily::inet}, {"inet6", AddressFamily::inet6}};

Result<void> set_address_family(Draft& draft, const Arguments& arguments) {
  const auto family = parse_word<AddressFamily>(arguments[0], families);
  if (!family) return tl::unexpected(family.error());
  draft.settings.address_family = *family;
  return {};
}

Result<void> set_max_startups(Draft& draft, const Arguments& arguments) {
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  const auto fields = split(arguments[0], ':');
  MaxStartups out;
  if (fields.size() != 1 && fields.size() != 3) {
    return problem("\"" + escaped(arguments[0], 64) + "\" is not start:rate:full", {}, "give one number, or three as in 200:30:1000");
  }
  const auto start = parse_number(fields[0], 1, most);
  if (!start) return tl::unexpected(start.error());
  out.start = out.full = static_cast<std::uint32_t>(*start);
  out.rate_percent = 100;
  if (fields.size() == 3) {
    const auto rate = parse_number(fields[1], 1, 100);
    const auto full = parse_number(fields[2], *start, most);
    if (!rate) return tl::unexpected(rate.error());
    if (!full) return tl::unexpected(full.error());
    out.rate_percent = static_cast<std::uint32_t>(*rate);
    out.full = static_cast<std::uint32_t>(*full);
  }
  draft.settings.max_startups = out;
  return {};
}

Result<void> set_per_source_max_startups(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) {
    draft.settings.per_source_max_startups.reset();
    return {};
  }
  const auto most = parse_number(arguments[0], 1, std::numeric_limits<std::int32_t>::max());
  if (!most) return tl::unexpected(most.error());
  draft.settings.per_source_max_startups = static_cast<std::uint32_t>(*most);
  return {};
}

Result<void> set_net_block_size(Draft& draft, const Arguments& arguments) {
  const auto fields = split(arguments[0], ':');
  if (fields.size() > 2) return problem("\"" + escaped(arguments[0], 64) + "\" is not ipv4:ipv6", {}, "give prefix lengths as in 24:64");
  const auto v4 = parse_number(fields[0], 0, 32);
  if (!v4) return tl::unexpected(v4.error());
  NetBlockSize out;
  out.ipv4 = static_cast<std::uint32_t>(*v4);
  if (fields.size() == 2) {
    const auto v6 = parse_number(fields[1], 0, 128);
    if (!v6) return tl::unexpected(v6.error());
    out.ipv6 = static_cast<std::uint32_t>(*v6);
  }
  draft.settings.per_source_net_block_size = out;
  return {};
}

struct PenaltyTime {
  std::string_view word;
  seconds PerSourcePenalties::*member;
};
constexpr PenaltyTime penalty_times[] = {
    {"crash", &PerSourcePenalties::crash},
    {"authfail", &PerSourcePenalties::authfail},
    {"invaliduser", &PerSourcePenalties::invaliduser},
    {"noauth", &PerSourcePenalties::noauth},
    {"grace-exceeded", &PerSourcePenalties::grace_exceeded},
    {"refuseconnection", &PerSourcePenalties::refuseconnection},
    {"min", &PerSourcePenalties::min},
    {"max", &PerSourcePenalties::max},
};
constexpr Word<PenaltyOverflow> overflows[] = {{"permissive", PenaltyOverflow::permissive}, {"deny-all", PenaltyOverflow::deny_all}};

/// One part of PerSourcePenalties. The first value of each part wins, over all lines.
Result<void> set_penalty(PerSourcePenalties& penalties, bool first, std::string_view word, std::string_view value) {
  for (const PenaltyTime& each : penalty_times) {
    if (!equal_ignoring_case(each.word, word)) continue;
    const auto time = parse_time(value);
    if (!time) return tl::unexpected(time.error());
    if (first) penalties.*each.member = *time;
    return {};
  }
  if (equal_ignoring_case(word, "max-sources4") || equal_ignoring_case(word, "max-sources6")) {
    const auto number = parse_number(value, 1, std::numeric_limits<std::int32_t>::max());
    if (!number) return tl::unexpected(number.error());
    if (first) (word.back() == '4' ? penalties.max_sources4 : penalties.max_sources6) = static_cast<std::uint32_t>(*number);
    return {};
  }
  if (equal_ignoring_case(word, "overflow") || equal_ignoring_case(word, "overflow6")) {
    const auto mode = parse_word<PenaltyOverflow>(value, overflows);
    if (!mode) return tl::unexpected(mode.error());
    if (first) (word.back() == '6' ? penalties.overflow6 : penalties.overflow) = *mode;
    return {};
  }
  return problem("PerSourcePenalties has no part \"" + escaped(word, 32) + "\"", {},
                 "parts are crash, authfail, invaliduser, noauth, grace-exceeded, refuseconnection, min, max, max-sources4, max-sources6, "
                 "overflow, overflow6");
}

Result<void> set_per_source_penalties(Draft& draft, const Arguments& arguments) {
  PerSourcePenalties& penalties = draft.settings.per_source_penalties;
  for (const std::string& each : arguments) {
    const auto colon = each.find(':');
    if (colon == std::string::npos) {
      const auto enabled = parse_switch(each);
      if (!enabled)
        return problem("\"" + escaped(each, 64) + "\" is no part of PerSourcePenalties", {}, "give yes, no, or parts as crash:90s");
      if (draft.given.insert("penalties").second) penalties.enabled = *enabled;
      continue;
    }
    const std::string word = lower_case(std::string_view(each).substr(0, colon));
    const bool first = draft.given.insert("penalties " + word).second;
    if (const auto set = set_penalty(penalties, first, word, std::string_view(each).substr(colon + 1)); !set) return set;
  }
  return {};
}

Result<void> set_exempt_list(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) {
    draft.settings.per_source_penalty_exempt_list.clear();
    return {};
  }
  if (const auto sound = check_address_list(arguments[0]); !sound) return sound;
  draft.settings.per_source_penalty_exempt_list = arguments[0];
  return {};
}

Result<void> set_version_addendum(Draft& draft, const Arguments& arguments) {
  std::string text = arguments[0];
  if (equal_ignoring_case(text, "none")) text.clear();
  // RFC 4253 section 4.2: printable US-ASCII; the whole line has 255 octets, of which our own part needs some.
  constexpr std::size_t most = 128;
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable || text.size() > most) return problem("not printable US-ASCII of at most 128 characters", {}, "shorten it, or give none");
  draft.settings.version_addendum = text;
  return {};
}

constexpr Keyword table[] = {
    {"Port", Form::one, Repeat::every, Scope::global, Names::nothing, set_port},
    {"ListenAddress", Form::list, Repeat::every, Scope::global, Names::nothing, add_listen_address},
    {"AddressFamily", Form::one, Repeat::first, Scope::global, Names::nothing, set_address_family},
    {"LoginGraceTime", Form::one, Repeat::first, Scope::global, Names::nothing, set_time<&Settings::login_grace_time>},
    {"MaxStartups", Form::one, Repeat::first, Scope::global, Names::nothing, set_max_startups},
    {"PerSourceMaxStartups", Form::one, Repeat::first, Scope::global, Names::nothing, set_per_source_max_startups},
    {"PerSourceNetBlockSize", Form::one, Repeat::first, Scope::global, Names::nothing, set_net_block_size},
    {"PerSourcePenalties", Form::list, Repeat::merged, Scope::global, Names::nothing, set_per_source_penalties},
    {"PerSourcePenaltyExemptList", Form::one, Repeat::first, Scope::global, Names::nothing, set_exempt_list},
    {"TCPKeepAlive", Form::one, Repeat::first, Scope::global, Names::nothing, set_switch<&Settings::tcp_keep_alive>},
    {"VersionAddendum", Form::raw, Repeat::first, Scope::global, Names::nothing, set_version_addendum},
};

}  // namespace

std::span<const Keyword> network_keywords() { return table; }

}  // namespace gatehouse::sshd
