#include <cstdlib>

#include "pkcs11/client/field_reader.h"
#include "pkcs11/client/messages.h"

namespace gatehouse::pkcs11 {

namespace {

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
