// room: sshd_config
// sshd_config text: what is accepted prints, goes to another process and comes back the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sshd/config/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::sshd;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // No file but the fuzzed text: Include and HostKey of a path would read what happens to be on this machine.
  if (text.find('/') != std::string_view::npos) return 0;
  const auto configuration = Configuration::parse(text, "fuzz");
  if (!configuration) {
    for (const auto& problem : configuration.error()) {
      if (problem.what.empty() || problem.line().find('\n') != std::string::npos) std::abort();
    }
    return 0;
  }
  const auto copy = Configuration::deserialize(configuration->serialize());
  if (!copy || dump(copy->global()) != dump(configuration->global())) std::abort();
  ConnectionFacts facts;
  facts.user = "alice";
  facts.groups = {"staff"};
  facts.address = "192.0.2.1";
  facts.local_port = 22;
  if (dump(copy->settings_for(facts)) != dump(configuration->settings_for(facts))) std::abort();
  return 0;
}
