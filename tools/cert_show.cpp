/// gatehouse cert show: what a certificate says.
#include <ostream>

#include "tools/certificate_text.h"
#include "tools/command.h"
#include "tools/options.h"
#include "tools/output_file.h"

namespace gatehouse::tools {

int cert_show_command(std::span<const std::string> args, Streams io) {
  po::options_description options("certificate");
  options.add_options()("file", po::value<std::string>()->required(), "-cert.pub file")("json", "one JSON object");
  po::positional_options_description positional;
  positional.add("file", 1);
  int status = exit_done;
  const auto given = parse_options("cert show", "FILE [--json]", options, &positional, args, io, status);
  if (!given) return status;
  const std::string path = text_of(*given, "file");
  const auto content = read_file(path, 2 * keys::max_certificate_blob);
  if (!content) {
    io.err << "gatehouse cert show: " << content.error().line() << '\n';
    return exit_failed;
  }
  const auto certificate = keys::Certificate::parse_line(as_text(*content));
  if (!certificate) {
    io.err << "gatehouse cert show: " << path << ": " << certificate.error().line() << '\n';
    return exit_failed;
  }
  io.out << (given->count("json") != 0 ? certificate_json(*certificate) : certificate_text(*certificate, unix_now()));
  return certificate->verify_signature() ? exit_done : exit_failed;
}

}  // namespace gatehouse::tools
