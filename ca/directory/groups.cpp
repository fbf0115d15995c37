#include "ca/directory/groups.h"

#include <algorithm>
#include <vector>

#include "ca/directory/dn.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

// DNs in one filter: few round trips for broad nesting, and filters that stay small.
constexpr std::size_t dns_per_filter = 16;

tl::unexpected<ServerFailure> partial(std::string text) {
  return tl::unexpected<ServerFailure>(ServerFailure{DirectoryStage::groups, std::move(text), false});
}

// Groups that name the DN. A DN inside a filter is escaped once more, as a filter's value.
std::string names_dn(const DirectorySettings& settings, const std::string& dn) {
  const std::string value = filter_escaped(dn);
  if (settings.kind == DirectoryKind::active_directory) return "(&(objectClass=group)(member=" + value + "))";
  return "(member=" + value + ")(uniqueMember=" + value + ")";
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

class Walk {
 public:
  Walk(Connection& connection, const DirectorySettings& settings, std::string group_base)
      : connection_(connection), settings_(settings), group_base_(std::move(group_base)) {}

  // Adds the DN when it is new. A group outside group_base does not exist for us.
  ServerResult<void> add(const std::string& dn) {
    const auto normal = normalised_dn(dn);
    if (!normal) return partial("a group's DN cannot be read: " + escaped(dn));
    if (!dn_is_within(*normal, group_base_)) return {};
    if (!found_.insert(*normal).second) return {};
    if (found_.size() > settings_.max_groups) return partial("more than " + std::to_string(settings_.max_groups) + " groups (max_groups)");
    frontier_.push_back(dn);
    return {};
  }

  ServerResult<void> search(const std::string& filter) {
    Search search;
    search.stage = DirectoryStage::groups;
    search.base = settings_.group_base;
    search.filter = filter;
    search.attributes = {"1.1"};
    search.size_limit = static_cast<int>(std::min(settings_.max_groups, 1'000'000u)) + 1;
    auto answer = connection_.search(search);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->base_missing)
      return partial("the group base " + settings_.group_base + " is not there, or the service account may not see it");
    if (answer->size_limit_reached) return partial("the answer was cut off by a size limit");
    // AD answers each search of a whole domain with references to its other partitions, which hold no groups.
    if (answer->referrals && settings_.kind != DirectoryKind::active_directory)
      return partial("part of the groups is on another server (referral)");
    for (const auto& entry : answer->entries) {
      if (auto added = add(entry.dn); !added) return added;
    }
    return {};
  }

  ServerResult<void> climb() {
    for (unsigned depth = 1; settings_.nested_groups && !frontier_.empty(); ++depth) {
      if (depth > settings_.max_group_depth) {
        return partial("groups are nested deeper than " + std::to_string(settings_.max_group_depth) + " (max_group_depth)");
      }
      const auto level = std::exchange(frontier_, {});
      for (std::size_t at = 0; at < level.size(); at += dns_per_filter) {
        std::string filter = "(|";
        for (std::size_t i = at; i < std::min(level.size(), at + dns_per_filter); ++i) filter += names_dn(settings_, level[i]);
        if (auto done = search(filter + ")"); !done) return done;
      }
    }
    return {};
  }

  std::set<std::string> take() { return std::move(found_); }

 private:
  Connection& connection_;
  const DirectorySettings& settings_;
  std::string group_base_;             // normalised
  std::set<std::string> found_;        // normalised: what was seen
  std::vector<std::string> frontier_;  // as the directory writes them: groups whose own groups are not yet known
};

}  // namespace

ServerResult<std::set<std::string>> groups_of(Connection& connection, const DirectorySettings& settings, const Entry& entry,
                                              const std::string& name) {
  const auto group_base = normalised_dn(settings.group_base);
  if (!group_base) return partial(group_base.error().what);
  Walk walk(connection, settings, *group_base);
  for (const auto& [attribute, values] : entry.attributes) {
    if (attribute.find(";range=") != std::string::npos) return partial("the directory cut off the values of " + attribute);
  }

  std::string filter = "(|";
  if (settings.group_lookup == GroupLookup::member_of) {
    for (const auto& dn : entry.values("memberof")) {
      if (auto added = walk.add(dn); !added) return tl::unexpected(added.error());
    }
  } else {
    filter += names_dn(settings, entry.dn);
  }
  if (settings.kind != DirectoryKind::active_directory) {
    filter += "(&(objectClass=posixGroup)(memberUid=" + filter_escaped(name) + "))";
    if (entry.has("gidnumber")) {
      const auto& gid = entry.values("gidnumber");
      if (gid.size() != 1 || !is_number(gid.front())) return partial("the person's gidNumber cannot be read");
      filter += "(&(objectClass=posixGroup)(gidNumber=" + gid.front() + "))";
    }
  }
  if (filter.size() > 2) {
    if (auto done = walk.search(filter + ")"); !done) return tl::unexpected(done.error());
  }
  if (auto done = walk.climb(); !done) return tl::unexpected(done.error());
  return walk.take();
}

}  // namespace gatehouse::ca
