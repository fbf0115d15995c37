/// Files of test vectors below tests/vectors: line one names their source; then blocks of "name = value", parted by empty lines.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "protocol/core/bytes.h"

namespace gatehouse::test {

inline std::string vector_path(const std::string& name) { return std::string(GATEHOUSE_VECTORS) + "/" + name; }

/// The content of a file below tests/vectors; a missing one ends the program.
inline std::string read_vector(const std::string& name) {
  std::ifstream file(vector_path(name), std::ios::binary);
  if (!file) {
    std::cerr << "cannot read " << vector_path(name) << '\n';
    std::abort();
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

class VectorBlock {
 public:
  const std::string& text(const std::string& name) const { return fields_.at(name); }
  ByteVector octets(const std::string& name) const { return unhex(text(name)).value(); }
  bool has(const std::string& name) const { return fields_.count(name) != 0; }
  unsigned long number(const std::string& name) const { return std::stoul(text(name)); }
  void set(std::string name, std::string value) { fields_[std::move(name)] = std::move(value); }
  bool empty() const { return fields_.empty(); }

 private:
  std::map<std::string, std::string> fields_;
};

inline std::vector<VectorBlock> read_vector_blocks(const std::string& name) {
  const std::string content = read_vector(name);
  std::vector<VectorBlock> blocks(1);
  std::size_t at = 0;
  while (at < content.size()) {
    const std::size_t end = std::min(content.find('\n', at), content.size());
    const std::string line = content.substr(at, end - at);
    at = end + 1;
    if (line.empty()) {
      if (!blocks.back().empty()) blocks.emplace_back();
    } else if (line[0] != '#') {
      const std::size_t equals = line.find(" = ");
      blocks.back().set(line.substr(0, equals), line.substr(equals + 3));
    }
  }
  if (blocks.back().empty()) blocks.pop_back();
  return blocks;
}

}  // namespace gatehouse::test
