// room: protocol_keys
// Certificates: what parses and is sorted is rebuilt octet for octet from its fields, and the envelope agrees.
#include <algorithm>
#include <cstdlib>

#include "protocol/keys/certificate.h"

using gatehouse::Bytes;
using namespace gatehouse::keys;

namespace {

bool by_name(const CertificateOption& a, const CertificateOption& b) { return a.name < b.name; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes blob(data, size);
  const auto envelope = open_certificate(blob);
  const auto parsed = Certificate::parse(blob);
  if (!parsed) return 0;
  if (!envelope || !gatehouse::equal(envelope->to_be_signed, parsed->to_be_signed()) ||
      !gatehouse::equal(envelope->signature_key, parsed->signature_key().blob())) {
    std::abort();
  }
  (void)parsed->verify_signature();
  CertificateFields fields = parsed->fields();
  const gatehouse::ByteVector rebuilt = certificate_to_be_signed(parsed->subject(), fields, parsed->nonce(), parsed->signature_key());
  const bool sorted = std::is_sorted(fields.critical_options.begin(), fields.critical_options.end(), by_name) &&
                      std::is_sorted(fields.extensions.begin(), fields.extensions.end(), by_name);
  if (sorted && !gatehouse::equal(rebuilt, parsed->to_be_signed())) std::abort();
  const auto again = Certificate::parse(assemble_certificate(rebuilt, parsed->signature()));
  std::sort(fields.critical_options.begin(), fields.critical_options.end(), by_name);
  std::sort(fields.extensions.begin(), fields.extensions.end(), by_name);
  if (!again || again->fields().critical_options != fields.critical_options || again->fields().extensions != fields.extensions ||
      again->fields().principals != fields.principals || again->fields().key_id != fields.key_id) {
    std::abort();
  }
  return 0;
}
