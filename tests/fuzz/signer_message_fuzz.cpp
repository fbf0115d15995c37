// room: pkcs11_signer
/// What a client says to the signer and the signer to a client, and what each purpose makes of it: what parses survives a write and a
/// second parse, and nothing is approved that belongs to another purpose.
#include <cstdint>
#include <cstdlib>

#include "pkcs11/signer/judge.h"
#include "protocol/keys/sshsig.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::pkcs11;

void check_host(const Request& request) {
  const auto approved = judge_for_host(request);
  if (!approved) return;
  const auto* sshsig = std::get_if<SignSshsig>(&request);
  const bool ours = std::holds_alternative<SignExchangeHash>(request) || std::holds_alternative<SignHostKeysProof>(request) ||
                    (sshsig != nullptr && sshsig->name_space == keys::sshsig_namespace::host);
  if (!ours) std::abort();
}

void check_ca(const Request& request) {
  static const std::vector<Uri> configured{*Uri::parse("pkcs11:token=ca;object=k", UriNames::key)};
  static const keys::PublicKey key = *keys::PublicKey::parse(
      *unhex("0000000b7373682d6564323535313900000020d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  static const std::vector<RemoteKey> held{{configured[0].text, "k", key}};
  const auto limits = Limits::parse("[[key]]\nuri = \"pkcs11:token=ca;object=k\"\nsigns = [\"user\"]\nmax_lifetime = \"1h\"", "f");
  const auto judge = CaJudge::make(*limits, configured);
  const auto approved = (*judge)->judge(request, held, 1'700'000'000);
  if (approved && !std::holds_alternative<SignCertificate>(request)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto request = parse_request({data, size})) {
    const auto again = parse_request(write_request(*request));
    if (!again || !(*again == *request)) std::abort();
    check_host(*request);
    check_ca(*request);
  }
  if (const auto answer = parse_answer({data, size})) {
    const auto again = parse_answer(write_answer(*answer));
    if (!again || !(*again == *answer)) std::abort();
  }
  return 0;
}
