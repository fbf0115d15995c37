#include "pkcs11/client/messages.h"

#include <cstdlib>
#include <utility>

#include "protocol/core/wire.h"

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

enum class AnswerKind : std::uint8_t {
  welcome = 1,
  key_list = 2,
  health = 3,
  signature = 10,
  object_list = 21,
  destroyed = 22,
  fault = 255,
};

constexpr std::size_t max_key_list = 64;
constexpr std::size_t max_text = 4096;
constexpr std::size_t max_name_space = 64;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

tl::unexpected<Problem> malformed(const char* what) { return problem(std::string("malformed message: ") + what, "signer protocol"); }

// Reading --------------------------------------------------------------------------------------------------------------------------------

/// Collects the first thing that is wrong, so that a parser reads like a field list.
class FieldReader {
 public:
  explicit FieldReader(Bytes payload) : wire_(payload) {}
  WireReader& wire() { return wire_; }

  ByteVector octets(const char* name, std::size_t least, std::size_t most) {
    const Bytes value = wire_.string();
    if (value.size() < least || value.size() > most) wrong(name);
    return wrong_ == nullptr ? to_vector(value) : ByteVector{};
  }
  std::string text(const char* name, std::size_t least, std::size_t most) {
    const std::string_view value = wire_.text();
    if (value.size() < least || value.size() > most || value.find('\0') != std::string_view::npos) wrong(name);
    return wrong_ == nullptr ? std::string(value) : std::string{};
  }
  ByteVector digest(const char* name) {
    ByteVector value = octets(name, 32, 64);
    if (value.size() != 32 && value.size() != 48 && value.size() != 64) wrong(name);
    return value;
  }
  ByteVector key() { return octets("key", 1, keys::max_key_blob); }
  keys::SignatureAlgorithm algorithm() {
    const auto value = keys::signature_by_name(wire_.text());
    if (!value) wrong("algorithm");
    return value.value_or(keys::SignatureAlgorithm::ed25519);
  }
  bool flag(const char* name) {
    const std::uint8_t value = wire_.byte();
    if (value > 1) wrong(name);
    return value == 1;
  }
  std::optional<bool> tri_state(const char* name) {
    const std::uint8_t value = wire_.byte();
    if (value > 2) wrong(name);
    if (value == 2) return std::nullopt;
    return value == 1;
  }
  std::uint32_t count(const char* name, std::size_t most) {
    const std::uint32_t value = wire_.uint32();
    if (value > most) wrong(name);
    return wrong_ == nullptr ? value : 0;
  }
  std::optional<keys::PublicKey> public_key(const char* name) {
    auto key = keys::PublicKey::parse(wire_.string());
    if (!key) {
      wrong(name);
      return std::nullopt;
    }
    return *key;
  }
  void wrong(const char* name) {
    if (wrong_ == nullptr) wrong_ = name;
  }
  bool good() const { return wrong_ == nullptr && !wire_.failed(); }

  /// The message, if all of it was read and nothing was wrong.
  template <class Variant, class T>
  Result<Variant> finish(T&& message) {
    if (wrong_ != nullptr) return malformed(wrong_);
    if (!wire_.finish()) return malformed("short, or octets left over");
    return Variant(std::forward<T>(message));
  }

 private:
  WireReader wire_;
  const char* wrong_ = nullptr;
};

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

TokenObject read_object(FieldReader& in) {
  TokenObject object;
  object.uri = in.text("uri", 1, max_uri);
  object.label = to_string(in.wire().string());
  object.id = in.octets("id", 0, 4 * max_object_id);
  if (in.flag("has key")) object.key = in.public_key("key");
  object.kind = in.text("kind", 1, max_label);
  object.has_private = in.flag("has private");
  object.has_public = in.flag("has public");
  object.sensitive = in.tri_state("sensitive");
  object.always_sensitive = in.tri_state("always sensitive");
  object.extractable = in.tri_state("extractable");
  object.never_extractable = in.tri_state("never extractable");
  object.local = in.tri_state("local");
  object.sign = in.tri_state("sign");
  object.decrypt = in.tri_state("decrypt");
  object.always_authenticate = in.tri_state("always authenticate");
  return object;
}

Health read_health(FieldReader& in) {
  Health health;
  const std::uint8_t rung = in.wire().byte();
  if (rung > static_cast<std::uint8_t>(Rung::pin_rejected)) in.wrong("rung");
  health.rung = in.good() ? static_cast<Rung>(rung) : Rung::starting;
  health.detail = in.text("detail", 0, max_text);
  health.since = in.wire().uint64();
  health.signatures = in.wire().uint64();
  health.refusals = in.wire().uint64();
  health.recoveries = in.wire().uint64();
  const std::uint32_t count = in.count("keys", max_key_list);
  for (std::uint32_t i = 0; i < count && in.good(); ++i) {
    KeyHealth key;
    key.uri = in.text("uri", 1, max_uri);
    key.found = in.flag("found");
    key.trouble = in.text("trouble", 0, max_text);
    health.keys.push_back(std::move(key));
  }
  return health;
}

// Writing --------------------------------------------------------------------------------------------------------------------------------

WireWriter start(RequestKind kind) {
  WireWriter out;
  out.byte(static_cast<std::uint8_t>(kind));
  return out;
}

WireWriter start(AnswerKind kind) {
  WireWriter out;
  out.byte(static_cast<std::uint8_t>(kind));
  return out;
}

/// Texts for a person may be long (lists of what was found); they are cut, never refused.
std::string_view cut(std::string_view text) { return text.substr(0, max_text); }

std::uint8_t tri_state(std::optional<bool> value) { return !value ? std::uint8_t{2} : *value ? std::uint8_t{1} : std::uint8_t{0}; }

void write_object(WireWriter& out, const TokenObject& object) {
  out.string(object.uri).string(object.label).string(object.id).boolean(object.key.has_value());
  if (object.key) out.string(object.key->blob());
  out.string(object.kind).boolean(object.has_private).boolean(object.has_public);
  for (const auto& value : {object.sensitive, object.always_sensitive, object.extractable, object.never_extractable, object.local,
                            object.sign, object.decrypt, object.always_authenticate}) {
    out.byte(tri_state(value));
  }
}

}  // namespace

std::string_view purpose_name(Purpose purpose) {
  switch (purpose) {
    case Purpose::host:
      return "host";
    case Purpose::ca:
      return "ca";
    case Purpose::manage:
      return "manage";
  }
  std::abort();
}

std::optional<Purpose> purpose_by_name(std::string_view name) {
  for (const Purpose purpose : {Purpose::host, Purpose::ca, Purpose::manage}) {
    if (name == purpose_name(purpose)) return purpose;
  }
  return std::nullopt;
}

std::string_view rung_name(Rung rung) {
  switch (rung) {
    case Rung::starting:
      return "starting";
    case Rung::serving:
      return "serving";
    case Rung::reopening:
      return "reopening";
    case Rung::initialising:
      return "initialising";
    case Rung::away:
      return "away";
    case Rung::pin_rejected:
      return "pin rejected";
  }
  std::abort();
}

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

Result<Answer> parse_answer(Bytes payload) {
  FieldReader in(payload);
  const std::uint8_t kind = in.wire().byte();
  switch (static_cast<AnswerKind>(kind)) {
    case AnswerKind::welcome: {
      const std::uint32_t version = in.wire().uint32();
      const auto purpose = purpose_by_name(in.wire().text());
      if (!purpose) in.wrong("purpose");
      return in.finish<Answer>(Welcome{version, purpose.value_or(Purpose::host)});
    }
    case AnswerKind::key_list: {
      KeyList list;
      const std::uint32_t count = in.count("keys", max_key_list);
      for (std::uint32_t i = 0; i < count && in.good(); ++i) {
        std::string uri = in.text("uri", 1, max_uri);
        std::string label = to_string(in.wire().string());
        auto key = in.public_key("key");
        if (key) list.keys.push_back(RemoteKey{std::move(uri), std::move(label), *std::move(key)});
      }
      return in.finish<Answer>(std::move(list));
    }
    case AnswerKind::health:
      return in.finish<Answer>(read_health(in));
    case AnswerKind::signature:
      return in.finish<Answer>(Signed{in.octets("signature", 1, keys::max_key_blob)});
    case AnswerKind::object_list: {
      ObjectList list;
      const std::uint32_t count = in.count("objects", max_listed_objects);
      for (std::uint32_t i = 0; i < count && in.good(); ++i) list.objects.push_back(read_object(in));
      return in.finish<Answer>(std::move(list));
    }
    case AnswerKind::destroyed:
      return in.finish<Answer>(Destroyed{in.wire().uint32()});
    case AnswerKind::fault: {
      const std::uint8_t what = in.wire().byte();
      if (what > static_cast<std::uint8_t>(FaultKind::failed)) in.wrong("fault");
      return in.finish<Answer>(SignerFault{static_cast<FaultKind>(what), in.text("detail", 0, max_text)});
    }
  }
  return malformed("unknown answer");
}

ByteVector write_answer(const Answer& answer) {
  return std::visit(
      Overloaded{
          [](const Welcome& m) { return start(AnswerKind::welcome).uint32(m.version).string(purpose_name(m.purpose)).take(); },
          [](const KeyList& m) {
            WireWriter out = start(AnswerKind::key_list);
            out.uint32(static_cast<std::uint32_t>(m.keys.size()));
            for (const RemoteKey& key : m.keys) out.string(key.uri).string(key.label).string(key.key.blob());
            return out.take();
          },
          [](const Health& m) {
            WireWriter out = start(AnswerKind::health);
            out.byte(static_cast<std::uint8_t>(m.rung)).string(cut(m.detail)).uint64(m.since);
            out.uint64(m.signatures).uint64(m.refusals).uint64(m.recoveries).uint32(static_cast<std::uint32_t>(m.keys.size()));
            for (const KeyHealth& key : m.keys) out.string(key.uri).boolean(key.found).string(cut(key.trouble));
            return out.take();
          },
          [](const Signed& m) { return start(AnswerKind::signature).string(m.signature).take(); },
          [](const ObjectList& m) {
            WireWriter out = start(AnswerKind::object_list);
            out.uint32(static_cast<std::uint32_t>(m.objects.size()));
            for (const TokenObject& object : m.objects) write_object(out, object);
            return out.take();
          },
          [](const Destroyed& m) { return start(AnswerKind::destroyed).uint32(m.objects).take(); },
          [](const SignerFault& m) {
            return start(AnswerKind::fault).byte(static_cast<std::uint8_t>(m.kind)).string(cut(m.detail)).take();
          },
      },
      answer);
}

}  // namespace gatehouse::pkcs11
