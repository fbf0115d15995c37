#include "sshd/config/parser.h"

#include <glob.h>

#include <algorithm>
#include <map>
#include <set>

#include "sshd/config/tokens.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

constexpr int most_include_depth = 16;
constexpr std::size_t most_problems = 50;  ///< of a file that is no configuration at all, more help nobody
constexpr std::size_t most_blocks = 4096;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

class Parser {
 public:
  explicit Parser(const std::string& main_file) : folder_(folder_of(main_file)) {}

  void options(const std::vector<std::string>& lines) {
    for (const std::string& each : lines) {
      place_ = std::string(command_line);
      line(each, 0, 0);
    }
  }

  /// @param block  what the text stands under; Match lines in it end with it
  void text(std::string_view content, const std::string& name, std::uint32_t block, int depth) {
    size_ += content.size();
    if (size_ > max_config_size) {
      place_ = name;
      fail({"the configuration is larger than 4 MiB", {}, "Match blocks on groups serve better than one on each user"});
      return;
    }
    std::uint32_t here = block;
    std::size_t number = 0;
    while (!content.empty() && problems_.size() < most_problems) {
      const auto end = content.find('\n');
      const std::string_view next = content.substr(0, end);
      content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
      place_ = name + " line " + std::to_string(++number);
      here = line(next, here, depth, block);
    }
  }

  Result<Script, Problems> finish() && {
    if (!problems_.empty()) return tl::unexpected(std::move(problems_));
    return std::move(script_);
  }

 private:
  void fail(Problem problem) {
    if (problem.where.empty()) problem.where = place_;
    problems_.push_back(std::move(problem));
  }

  /// @param outer  the block that the file stands under, which Match lines add to
  /// @return the block that the next line stands in
  std::uint32_t line(std::string_view content, std::uint32_t block, int depth, std::uint32_t outer = 0) {
    const auto split = split_keyword(content);
    if (!split) {
      fail(split.error());
      return block;
    }
    if (!*split) return block;
    const Line parts = **split;
    const bool on_command_line = place_ == command_line;
    if (equal_ignoring_case(parts.keyword, "Match")) {
      if (on_command_line) {
        fail({"Match is not for the command line", {}, "put it into a file"});
        return block;
      }
      return match(parts.rest, outer);
    }
    if (equal_ignoring_case(parts.keyword, "Include")) {
      if (on_command_line) {
        fail({"Include is not for the command line", {}, "put it into a file"});
      } else {
        include(parts.rest, block, depth);
      }
      return block;
    }
    if (const auto taken = statement(parts, block); !taken) fail(taken.error());
    return block;
  }

  std::uint32_t match(std::string_view rest, std::uint32_t outer) {
    Block block = script_.blocks[outer];
    const auto arguments = split_arguments(rest);
    const auto criteria = arguments ? parse_criteria(*arguments) : Result<Criteria>(tl::unexpected(arguments.error()));
    if (!criteria) {
      fail(criteria.error());
    } else {
      block.push_back(*criteria);
    }
    if (script_.blocks.size() >= most_blocks) {
      fail({"more than 4096 Match blocks", {}, "join blocks that say the same: a Match list takes many patterns"});
      return outer;
    }
    // Also after an error: what follows belongs to this block, and is checked as such.
    if (!criteria) block.emplace_back();
    script_.blocks.push_back(std::move(block));
    return static_cast<std::uint32_t>(script_.blocks.size() - 1);
  }

  void include(std::string_view rest, std::uint32_t block, int depth) {
    const auto arguments = split_arguments(rest);
    if (!arguments) return fail(arguments.error());
    if (arguments->empty()) return fail({"Include names no file", {}, "give one or more files or patterns"});
    if (depth >= most_include_depth) return fail({"Include goes deeper than 16 files", {}, "look for a file that includes itself"});
    const Place place = place_;
    for (const std::string& each : *arguments) {
      place_ = place;
      if (each.empty()) {
        fail({"an empty file name", {}, "give the name, or take the quotes away"});
        continue;
      }
      const std::string pattern = each.front() == '/' ? each : folder_ + "/" + each;
      const bool is_pattern = pattern.find_first_of("*?[") != std::string::npos;
      for (const std::string& path : is_pattern ? expand(pattern) : std::vector<std::string>{pattern}) {
        place_ = place;
        if (problems_.size() >= most_problems) return;
        auto content = read_config_file(path);
        if (!content) {
          // sshd passes over a missing file; what it would have said may be what keeps somebody out.
          fail({content.error().line(), {}, "create the file, or take it out of Include"});
          continue;
        }
        text(*content, path, block, depth + 1);
      }
    }
    place_ = place;
  }

  static std::vector<std::string> expand(const std::string& pattern) {
    glob_t found{};
    std::vector<std::string> out;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    return out;
  }

  Result<void> statement(const Line& line, std::uint32_t block) {
    const std::string_view name = line.keyword;
    if (const FixedKeyword* fixed = find_fixed_keyword(name)) return fixed_statement(*fixed, line, block);
    const Keyword* keyword = find_keyword(name);
    if (keyword == nullptr) return unknown(name);
    Arguments arguments;
    if (keyword->form == Form::raw) {
      if (!line.rest.empty()) arguments.emplace_back(line.rest);
    } else {
      auto split = split_arguments(line.rest);
      if (!split) return tl::unexpected(split.error());
      arguments = std::move(*split);
    }
    if (keyword->scope == Scope::global && block != 0) return not_in_match(keyword->name);
    // On a draft of its own: a second HostKey of the same URI must fail, a second PermitRootLogin must be sound though it counts nothing.
    Draft& draft = keyword->repeat == Repeat::every ? drafts_[{keyword, block}] : scratch_;
    if (const auto sound = apply(*keyword, arguments, draft); !sound) {
      Problem problem = sound.error();
      problem.what = std::string(keyword->name) + ": " + problem.what;
      return tl::unexpected(std::move(problem));
    }
    const auto [first, fresh] = seen_.emplace(std::pair(keyword, block), place_);
    if (!fresh && keyword->repeat == Repeat::first) {
      script_.notes.push_back({std::string(keyword->name) + " was set before (" + first->second + "): this line changes nothing", place_,
                               "delete one of the two"});
    }
    script_.statements.push_back({keyword, std::move(arguments), place_, block});
    return {};
  }

  Result<void> fixed_statement(const FixedKeyword& keyword, const Line& line, std::uint32_t block) {
    const std::string name(keyword.name);
    const auto arguments = split_arguments(line.rest);
    if (!arguments) return tl::unexpected(arguments.error());
    if (arguments->empty()) return problem(name + " has no value", {}, std::string(keyword.mend));
    if (keyword.scope == Scope::global && block != 0) return not_in_match(name);
    for (const std::string& given : *arguments) {
      // true and false are what sshd takes for yes and no.
      const std::string value = equal_ignoring_case(given, "true") ? "yes" : equal_ignoring_case(given, "false") ? "no" : given;
      const bool accepted = std::any_of(keyword.accepted.begin(), keyword.accepted.end(),
                                        [&](std::string_view each) { return equal_ignoring_case(each, value); });
      if (!accepted) {
        return problem(name + " " + escaped(given, 64) + " " + std::string(keyword.refusal), {}, std::string(keyword.mend));
      }
    }
    return {};
  }

  static tl::unexpected<Problem> not_in_match(std::string_view name) {
    return problem(std::string(name) + " cannot stand in a Match block", {}, "put it before the first Match line");
  }

  static tl::unexpected<Problem> unknown(std::string_view name) {
    if (const UnsupportedKeyword* known = find_unsupported_keyword(name)) {
      return problem(std::string(known->name) + " " + std::string(known->why), {}, std::string(known->mend));
    }
    const auto near = nearest_keyword(name);
    return problem("unknown keyword \"" + escaped(name, 64) + "\"", {},
                   near ? "did you mean " + std::string(*near) + "?" : "see the manual for the keywords there are");
  }

  std::string folder_;
  Place place_;
  std::size_t size_ = 0;
  Script script_;
  Problems problems_;
  Draft scratch_;
  std::map<std::pair<const Keyword*, std::uint32_t>, Draft> drafts_;
  std::map<std::pair<const Keyword*, std::uint32_t>, Place> seen_;
};

}  // namespace

Result<void> apply(const Keyword& keyword, const Arguments& arguments, Draft& draft) {
  if (arguments.empty()) return problem("no value", {}, "give one, or delete the line");
  if (keyword.form == Form::one && arguments.size() > 1) {
    return problem("more than one value (\"" + escaped(arguments[1], 64) + "\")", {}, "give one value; put quotes around white space");
  }
  for (const std::string& each : arguments) {
    if (each.empty()) return problem("an empty value", {}, "give one, or delete the line");
    if (each.find('\0') != std::string::npos || each.find('\n') != std::string::npos) {
      return problem("a value with a NUL or newline octet", {}, "take it out");
    }
  }
  return keyword.apply(draft, arguments);
}

Result<Script, Problems> parse_script(std::string_view text, const std::string& name, const std::vector<std::string>& options) {
  Parser parser(name);
  parser.options(options);
  parser.text(text, name, 0, 0);
  return std::move(parser).finish();
}

}  // namespace gatehouse::sshd
