#include "pkcs11/client/field_reader.h"
#include "pkcs11/client/messages.h"

namespace gatehouse::pkcs11 {

namespace {

enum class RequestKind : std::uint8_t {
  hello = 1,
  list_keys = 2,
  health = 3,
  exchange_hash = 10,
  host_keys_proof = 11,
  sshsig = 12,
  certificate = 13,
  generate = 20,
  list_objects = 21,
  destroy = 22,
};

constexpr std::size_t max_name_space = 64;

Result<Request> parse_generate(FieldReader& in) {
  GenerateKey request{};
  const auto type = keys::key_type_by_blob_name(in.wire().text());
  if (!type) in.wrong("key type");
  request.type = type.value_or(keys::KeyType::ed25519);
  request.rsa_bits = in.wire().uint32();
  const bool rsa = request.type == keys::KeyType::rsa;
  if (rsa ? request.rsa_bits != 3072 && request.rsa_bits != 4096 : request.rsa_bits != 0) in.wrong("RSA bits");
  request.label = in.text("label", 1, max_label);
  request.id = in.octets("id", 0, max_object_id);
  return in.finish<Request>(std::move(request));
}

WireWriter start(RequestKind kind) {
  WireWriter out;
  out.byte(static_cast<std::uint8_t>(kind));
  return out;
}

}  // namespace

Result<Request> parse_request(Bytes payload) {
  FieldReader in(payload);
  const std::uint8_t kind = in.wire().byte();
  switch (static_cast<RequestKind>(kind)) {
    case RequestKind::hello:
      return in.finish<Request>(Hello{in.wire().uint32()});
    case RequestKind::list_keys:
      return in.finish<Request>(ListKeys{});
    case RequestKind::health:
      return in.finish<Request>(AskHealth{});
    case RequestKind::exchange_hash: {
      SignExchangeHash request{in.key(), in.algorithm(), in.digest("hash")};
      return in.finish<Request>(std::move(request));
    }
    case RequestKind::host_keys_proof: {
      SignHostKeysProof request{in.key(), in.algorithm(), in.digest("session id")};
      return in.finish<Request>(std::move(request));
    }
    case RequestKind::sshsig: {
      SignSshsig request{in.key(), in.algorithm(), in.text("namespace", 1, max_name_space), in.octets("digest", 64, 64)};
      return in.finish<Request>(std::move(request));
    }
    case RequestKind::certificate: {
      SignCertificate request{in.key(), in.algorithm(), in.octets("to be signed", 1, max_to_be_signed)};
      return in.finish<Request>(std::move(request));
    }
    case RequestKind::generate:
      return parse_generate(in);
    case RequestKind::list_objects:
      return in.finish<Request>(ListObjects{in.text("uri", 1, max_uri)});
    case RequestKind::destroy:
      return in.finish<Request>(DestroyKey{in.text("uri", 1, max_uri)});
  }
  return malformed("unknown request");
}

ByteVector write_request(const Request& request) {
  return std::visit(
      Overloaded{
          [](const Hello& m) { return start(RequestKind::hello).uint32(m.version).take(); },
          [](const ListKeys&) { return start(RequestKind::list_keys).take(); },
          [](const AskHealth&) { return start(RequestKind::health).take(); },
          [](const SignExchangeHash& m) {
            return start(RequestKind::exchange_hash).string(m.key).string(keys::signature_name(m.algorithm)).string(m.hash).take();
          },
          [](const SignHostKeysProof& m) {
            return start(RequestKind::host_keys_proof).string(m.key).string(keys::signature_name(m.algorithm)).string(m.session_id).take();
          },
          [](const SignSshsig& m) {
            WireWriter out = start(RequestKind::sshsig);
            return out.string(m.key).string(keys::signature_name(m.algorithm)).string(m.name_space).string(m.message_sha512).take();
          },
          [](const SignCertificate& m) {
            return start(RequestKind::certificate).string(m.key).string(keys::signature_name(m.algorithm)).string(m.to_be_signed).take();
          },
          [](const GenerateKey& m) {
            return start(RequestKind::generate).string(keys::key_blob_name(m.type)).uint32(m.rsa_bits).string(m.label).string(m.id).take();
          },
          [](const ListObjects& m) { return start(RequestKind::list_objects).string(m.uri).take(); },
          [](const DestroyKey& m) { return start(RequestKind::destroy).string(m.uri).take(); },
      },
      request);
}

}  // namespace gatehouse::pkcs11
