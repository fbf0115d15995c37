/// HTTP requests and replies as plain values: what the end points see of the network.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ca/api/message.h"

namespace gatehouse::ca {

/// Borrows from the connection's buffers; the Authorization header is never copied.
struct HttpRequest {
  std::string_view method;
  std::string_view target;  ///< path and query
  std::string_view content_type;
  std::optional<std::string_view> authorization;
  std::string_view if_none_match;
  std::string_view body;
  Caller caller;
};

struct HttpHeader {
  std::string name;
  std::string value;
};
struct HttpReply {
  unsigned status = 200;
  std::string content_type;
  std::vector<HttpHeader> headers;
  std::string body;
};

}  // namespace gatehouse::ca
