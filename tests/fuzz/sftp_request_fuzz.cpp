// room: protocol_sftp
/// One SFTP message of a client, without its length.
#include <cstdint>
#include <cstdlib>

#include "protocol/sftp/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse;
  const auto request = sftp::parse_request({data, size});
  if (!request) return 0;
  if (!std::holds_alternative<sftp::Init>(request->body) && sftp::request_id({data, size}) != request->id) std::abort();
  (void)sftp::request_name(request->body);
  if (const auto* read = std::get_if<sftp::Open>(&request->body); read != nullptr && read->path.size() > sftp::max_path) std::abort();
  (void)sftp::writes(request->body);
  return 0;
}
