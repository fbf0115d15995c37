/// The argument of -C.
#include <arpa/inet.h>

#include "sshd/config/configuration.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

bool is_address(const std::string& text) {
  in6_addr out{};
  return ::inet_pton(AF_INET, text.c_str(), &out) == 1 || ::inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

}  // namespace

Result<ConnectionFacts> parse_connection_spec(std::string_view spec) {
  ConnectionFacts out;
  const auto wrong = [](const std::string& what) {
    return problem("-C: " + what, {}, "write it as user=alice,group=staff,addr=192.0.2.1,host=…,laddr=…,lport=22");
  };
  for (const std::string& part : split(spec, ',')) {
    const auto equals = part.find('=');
    const std::string word = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (value.empty()) return wrong("\"" + escaped(part, 64) + "\" has no value");
    if ((word == "addr" || word == "laddr") && !is_address(value)) return wrong("\"" + escaped(value, 64) + "\" is no address");
    if (word == "user") {
      out.user = value;
    } else if (word == "group") {
      out.groups.push_back(value);
    } else if (word == "host") {
      out.host = value;
    } else if (word == "addr") {
      out.address = value;
    } else if (word == "laddr") {
      out.local_address = value;
    } else if (word == "lport" || word == "port") {
      const auto port = parse_number(value, 1, 65535);
      if (!port) return tl::unexpected(port.error());
      (word == "port" ? out.port : out.local_port) = static_cast<std::uint16_t>(*port);
    } else {
      return wrong("unknown word \"" + escaped(word, 64) + "\"");
    }
  }
  return out;
}

}  // namespace gatehouse::sshd
