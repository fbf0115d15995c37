#include "sshd/authorizer/messages.h"

#include <algorithm>

#include "protocol/keys/certificate.h"
#include "sshd/authorizer/frame_fields.h"

namespace gatehouse::sshd::authorizer {

namespace {

constexpr std::size_t max_name = 64;
constexpr std::size_t max_user = 255;
constexpr std::size_t max_group = 256;
constexpr std::size_t max_address = 64;
constexpr std::size_t max_hash = 64;
constexpr std::size_t max_identification = 255;
constexpr std::size_t max_kexinit = 64 * 1024;
constexpr std::size_t max_share = 16 * 1024;
constexpr std::size_t max_signature = 4096;
constexpr std::size_t max_blob = keys::max_certificate_blob;
constexpr std::size_t max_detail = 4096;
constexpr std::size_t max_host_keys = 16;
constexpr std::size_t max_host_certificates = 64;

WireWriter& operator<<(WireWriter& out, const Open& open) {
  return out.string(open.connection_id)
      .string(open.address)
      .uint32(open.port)
      .string(open.local_address)
      .uint32(open.local_port)
      .string(open.cookie);
}

Open read_open(FrameFields& in) {
  Open out;
  out.connection_id = in.text(max_name);
  out.address = in.text(max_address);
  out.port = in.port();
  out.local_address = in.text(max_address);
  out.local_port = in.port();
  out.cookie = in.octets(cookie_size);
  in.require(out.cookie.empty() || out.cookie.size() == cookie_size);
  return out;
}

WireWriter& optional_octets(WireWriter& out, const std::optional<ByteVector>& value) {
  out.boolean(value.has_value());
  if (value) out.string(*value);
  return out;
}

std::optional<ByteVector> read_optional_octets(FrameFields& in, std::size_t most) {
  if (!in.boolean()) return std::nullopt;
  return in.octets(most);
}

WireWriter& texts(WireWriter& out, const std::vector<std::string>& values) {
  out.uint32(static_cast<std::uint32_t>(values.size()));
  for (const std::string& each : values) out.string(each);
  return out;
}

std::vector<std::string> read_texts(FrameFields& in, std::size_t most, std::size_t longest) {
  std::vector<std::string> out;
  for (std::uint32_t count = in.count(most); count > 0 && in.sound(); --count) out.push_back(in.text(longest));
  return out;
}

}  // namespace

std::optional<Kind> kind_of(Bytes frame) {
  if (frame.empty()) return std::nullopt;
  return static_cast<Kind>(frame[0]);
}

ByteVector write(const Hello& message) { return begin(Kind::hello).uint32(message.version).take(); }

ProtocolResult<Hello> parse_hello(Bytes frame) {
  FrameFields in(frame, Kind::hello);
  Hello out{in.uint32()};
  return finished(in, std::move(out), "hello");
}

ByteVector write(const Open& message) {
  WireWriter out = begin(Kind::open);
  return (out << message).take();
}

ProtocolResult<Open> parse_open(Bytes frame) {
  FrameFields in(frame, Kind::open);
  Open out = read_open(in);
  in.require(out.cookie.size() == cookie_size);
  return finished(in, std::move(out), "open");
}

ByteVector write(const Resume& message) {
  WireWriter out = begin(Kind::resume);
  (out << message.open).string(message.session_id).string(message.host_key);
  optional_octets(out, message.certificate).string(message.user);
  return texts(out, message.groups).take();
}

ProtocolResult<Resume> parse_resume(Bytes frame) {
  FrameFields in(frame, Kind::resume);
  Resume out;
  out.open = read_open(in);
  out.session_id = in.octets(max_hash);
  out.host_key = in.octets(max_blob);
  out.certificate = read_optional_octets(in, max_blob);
  out.user = in.text(max_user);
  out.groups = read_texts(in, max_groups, max_group);
  in.require(out.session_id.empty() == out.host_key.empty());
  in.require(out.certificate.has_value() == !out.user.empty());
  in.require(!out.certificate || !out.session_id.empty());
  return finished(in, std::move(out), "resume");
}

ByteVector write(const NextCookie& message) { return begin(Kind::next_cookie).string(message.cookie).take(); }

ProtocolResult<NextCookie> parse_next_cookie(Bytes frame) {
  FrameFields in(frame, Kind::next_cookie);
  NextCookie out{in.octets(cookie_size)};
  in.require(out.cookie.size() == cookie_size);
  return finished(in, std::move(out), "next cookie");
}

SecretBytes write(const ExchangeHash& message) {
  // K goes last and is the only secret: the writer, which leaves its octets behind when it grows, never sees it.
  WireWriter head = begin(Kind::exchange_hash);
  head.string(message.method)
      .string(message.client_version)
      .string(message.server_version)
      .string(message.client_kexinit)
      .string(message.server_kexinit)
      .string(message.host_key)
      .string(message.client_public)
      .string(message.server_public)
      .uint32(static_cast<std::uint32_t>(message.shared_secret.size()));
  SecretBytes out(head.size() + message.shared_secret.size());
  const auto to = out.fill();
  std::copy(head.view().begin(), head.view().end(), to.begin());
  const Bytes secret = message.shared_secret.reveal();
  std::copy(secret.begin(), secret.end(), to.begin() + static_cast<std::ptrdiff_t>(head.size()));
  return out;
}

ProtocolResult<ExchangeHash> parse_exchange_hash(Bytes frame) {
  FrameFields in(frame, Kind::exchange_hash);
  ExchangeHash out;
  out.method = in.text(max_name);
  out.client_version = in.text(max_identification);
  out.server_version = in.text(max_identification);
  out.client_kexinit = in.octets(max_kexinit);
  out.server_kexinit = in.octets(max_kexinit);
  out.host_key = in.octets(max_blob);
  out.client_public = in.octets(max_share);
  out.server_public = in.octets(max_share);
  out.shared_secret = SecretBytes::copy_of(in.view(max_share));
  return finished(in, std::move(out), "exchange hash");
}

ByteVector write(const Authenticate& message) {
  WireWriter out = begin(Kind::authenticate);
  out.string(message.user).boolean(message.account_exists);
  texts(out, message.groups);
  out.string(message.service).boolean(message.host_bound).string(message.algorithm).string(message.public_key);
  optional_octets(out, message.signature);
  return optional_octets(out, message.principals_file).take();
}

ProtocolResult<Authenticate> parse_authenticate(Bytes frame) {
  FrameFields in(frame, Kind::authenticate);
  Authenticate out;
  out.user = in.text(max_user);
  out.account_exists = in.boolean();
  out.groups = read_texts(in, max_groups, max_group);
  out.service = in.text(max_name);
  out.host_bound = in.boolean();
  out.algorithm = in.text(max_name);
  out.public_key = in.octets(max_blob);
  out.signature = read_optional_octets(in, max_signature);
  out.principals_file = read_optional_octets(in, max_principals_file);
  return finished(in, std::move(out), "authenticate");
}

ByteVector write(const Setup& message) {
  WireWriter out = begin(Kind::setup);
  out.uint32(static_cast<std::uint32_t>(message.host_keys.size()));
  for (const HostKey& each : message.host_keys) {
    out.string(each.key).uint32(static_cast<std::uint32_t>(each.certificates.size()));
    for (const ByteVector& certificate : each.certificates) out.string(certificate);
  }
  return out.take();
}

ProtocolResult<Setup> parse_setup(Bytes frame) {
  FrameFields in(frame, Kind::setup);
  Setup out;
  for (std::uint32_t count = in.count(max_host_keys); count > 0 && in.sound(); --count) {
    HostKey key;
    key.key = in.octets(max_blob);
    for (std::uint32_t more = in.count(max_host_certificates); more > 0 && in.sound(); --more) {
      key.certificates.push_back(in.octets(max_blob));
    }
    out.host_keys.push_back(std::move(key));
  }
  return finished(in, std::move(out), "setup");
}

ByteVector write_done() { return begin(Kind::done).take(); }

ByteVector write(const Hash& message) { return begin(Kind::hash).string(message.hash).string(message.host_key).take(); }

ProtocolResult<Hash> parse_hash(Bytes frame) {
  FrameFields in(frame, Kind::hash);
  Hash out;
  out.hash = in.octets(max_hash);
  out.host_key = in.octets(max_blob);
  in.require(!out.hash.empty() && !out.host_key.empty());
  return finished(in, std::move(out), "hash");
}

ByteVector write(const Refused& message) { return begin(Kind::refused).string(message.detail.substr(0, max_detail)).take(); }

ProtocolResult<Refused> parse_refused(Bytes frame) {
  FrameFields in(frame, Kind::refused);
  Refused out{in.text(max_detail)};
  return finished(in, std::move(out), "refused");
}

ByteVector write(const Ready& message) {
  WireWriter out = begin(Kind::ready);
  const std::size_t count = std::min<std::size_t>(message.problems.size(), 100);
  out.uint32(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) out.string(message.problems[i].substr(0, max_detail));
  return out.take();
}

ProtocolResult<Ready> parse_ready(Bytes frame) {
  FrameFields in(frame, Kind::ready);
  Ready out;
  for (std::uint32_t count = in.count(100); count > 0 && in.sound(); --count) out.problems.push_back(in.text(max_detail));
  return finished(in, std::move(out), "ready");
}

ByteVector write(const Revoked& message) { return begin(Kind::revoked).string(message.detail.substr(0, max_detail)).take(); }

ProtocolResult<Revoked> parse_revoked(Bytes frame) {
  FrameFields in(frame, Kind::revoked);
  Revoked out{in.text(max_detail)};
  return finished(in, std::move(out), "revoked");
}

}  // namespace gatehouse::sshd::authorizer
