#include "sshd/config/match.h"

#include <algorithm>

#include "sshd/config/patterns.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

constexpr Word<CriterionKind> names[] = {
    {"all", CriterionKind::all},
    {"invalid-user", CriterionKind::invalid_user},
    {"user", CriterionKind::user},
    {"group", CriterionKind::group},
    {"host", CriterionKind::host},
    {"localaddress", CriterionKind::local_address},
    {"localport", CriterionKind::local_port},
    {"address", CriterionKind::address},
};

bool takes_list(CriterionKind kind) { return kind != CriterionKind::all && kind != CriterionKind::invalid_user; }

Result<void> check_list(const Criterion& criterion) {
  switch (criterion.kind) {
    case CriterionKind::local_address:
    case CriterionKind::address:
      return check_address_list(criterion.list);
    case CriterionKind::local_port: {
      const auto port = parse_number(criterion.list, 1, 65535);
      if (!port) return tl::unexpected(port.error());
      return {};
    }
    case CriterionKind::user:
    case CriterionKind::group:
    case CriterionKind::host:
      for (const std::string& entry : split(criterion.list, ',')) {
        if (entry.empty() || entry == "!") return problem("an empty pattern in a Match list", {}, "take out the superfluous comma");
      }
      return {};
    case CriterionKind::all:
    case CriterionKind::invalid_user:
      return {};
  }
  return {};
}

bool group_matches(const std::string& list, const std::vector<std::string>& groups) {
  // As sshd does: a group that a negated pattern names decides, whatever the other groups are.
  bool found = false;
  for (const std::string& group : groups) {
    const ListMatch match = pattern_list_matches(list, group);
    if (match == ListMatch::negated) return false;
    found = found || match == ListMatch::yes;
  }
  return found;
}

bool matches(const Criterion& criterion, const ConnectionFacts& facts) {
  switch (criterion.kind) {
    case CriterionKind::all:
      return true;
    case CriterionKind::invalid_user:
      return facts.invalid_user;
    case CriterionKind::user:
      return !facts.user.empty() && pattern_list_matches(criterion.list, facts.user) == ListMatch::yes;
    case CriterionKind::group:
      return !facts.invalid_user && group_matches(criterion.list, facts.groups);
    case CriterionKind::host: {
      const std::string& host = facts.host.empty() ? facts.address : facts.host;
      return !host.empty() && pattern_list_matches(lower_case(criterion.list), lower_case(host)) == ListMatch::yes;
    }
    case CriterionKind::local_address:
      return address_list_matches(criterion.list, facts.local_address) == ListMatch::yes;
    case CriterionKind::local_port:
      return facts.local_port != 0 && criterion.list == std::to_string(facts.local_port);
    case CriterionKind::address:
      return address_list_matches(criterion.list, facts.address) == ListMatch::yes;
  }
  return false;
}

}  // namespace

std::string_view criterion_name(CriterionKind kind) { return word_of<CriterionKind>(kind, names); }

Result<Criteria> parse_criteria(const std::vector<std::string>& arguments) {
  Criteria out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    const std::string word = arguments[i].substr(0, equals);
    const auto* const known =
        std::find_if(std::begin(names), std::end(names), [&](const auto& each) { return equal_ignoring_case(each.word, word); });
    if (known == std::end(names)) {
      if (equal_ignoring_case(word, "rdomain")) {
        return problem("Match RDomain is not supported: Linux has no routing domains", {}, "match on LocalAddress or LocalPort");
      }
      std::vector<std::string_view> candidates;
      for (const auto& each : names) candidates.push_back(each.word);
      const auto near = nearest(word, candidates);
      return problem("unknown Match criterion \"" + escaped(word, 64) + "\"", {},
                     near ? "did you mean " + std::string(*near) + "?"
                          : "use User, Group, Host, Address, LocalAddress, LocalPort, invalid-user or All");
    }
    Criterion criterion{known->value, {}};
    if (takes_list(criterion.kind)) {
      if (equals != std::string::npos) {
        criterion.list = arguments[i].substr(equals + 1);
      } else if (i + 1 < arguments.size()) {
        criterion.list = arguments[++i];
      }
      if (criterion.list.empty()) return problem("Match " + word + " has no value", {}, "give a list of patterns behind it");
    } else if (equals != std::string::npos) {
      return problem("Match " + word + " takes no value", {}, "take it away");
    }
    // "022" would never match a port: keep the one spelling that is compared.
    if (const auto sound = check_list(criterion); !sound) return tl::unexpected(sound.error());
    if (criterion.kind == CriterionKind::local_port) criterion.list = std::to_string(std::stoul(criterion.list));
    out.push_back(std::move(criterion));
  }
  if (out.empty()) return problem("Match without criteria", {}, "give User, Group, Host, Address, LocalAddress, LocalPort or All");
  const bool all = std::any_of(out.begin(), out.end(), [](const Criterion& each) { return each.kind == CriterionKind::all; });
  if (all && out.size() > 1)
    return problem("Match All beside another criterion", {}, "take All away: all criteria of a line must hold anyway");
  return out;
}

bool criteria_match(const Criteria& criteria, const ConnectionFacts& facts) {
  return std::all_of(criteria.begin(), criteria.end(), [&facts](const Criterion& each) { return matches(each, facts); });
}

}  // namespace gatehouse::sshd
