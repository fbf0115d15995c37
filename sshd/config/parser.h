/// From text to statements that are known to be sound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sshd/config/configuration.h"
#include "sshd/config/keyword.h"
#include "sshd/config/match.h"

namespace gatehouse::sshd {

/// A line that sets something.
struct Statement {
  const Keyword* keyword;
  Arguments arguments;
  Place place;
  std::uint32_t block;  ///< index into Script::blocks
};

/// All criteria of all Match lines that a statement stands under (an Include within a Match block nests). Block 0 has none.
using Block = std::vector<Criteria>;

struct Script {
  std::vector<Block> blocks{Block{}};
  std::vector<Statement> statements;
  std::vector<Problem> notes;
};

/// @param options  lines of the command line, before the first of the text
Result<Script, Problems> parse_script(std::string_view text, const std::string& name, const std::vector<std::string>& options);

/// Checks form and value of a statement on a scratch draft and adds it. @error without place
Result<void> apply(const Keyword& keyword, const Arguments& arguments, Draft& draft);

/// The place of what came with -o.
inline constexpr std::string_view command_line = "command line";

}  // namespace gatehouse::sshd
