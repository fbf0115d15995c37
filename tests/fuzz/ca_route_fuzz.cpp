// room: ca_front — target, headers and body of an HTTP request, in that order, each on a line of its own but the body
#include "ca/front/routes.h"

using namespace gatehouse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = as_text({data, size});
  const auto line = [&rest] {
    const std::string_view one = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    return one;
  };
  ca::HttpRequest request;
  request.method = line();
  request.target = line();
  request.content_type = line();
  if (const auto authorization = line(); !authorization.empty()) request.authorization = authorization;
  request.if_none_match = line();
  request.body = rest;
  const auto routed = ca::route(request);
  if (const auto* one = std::get_if<ca::Routed>(&routed)) {
    (void)ca::reply_to(*one, {ca::SignedDocument{{1}, {2}, "1-2"}, {}});
    (void)ca::reply_to(*one, {ca::NotModified{}, {}});
  }
  return 0;
}
