#include "protocol/keys/krl.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "protocol/core/wire.h"
#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::keys {

namespace {

constexpr std::string_view magic{"SSHKRL\n\0", 8};
constexpr std::uint32_t format_version = 1;
constexpr std::size_t sha1_size = 20;
constexpr std::size_t sha256_size = 32;

enum class Section : std::uint8_t {
  certificates = 1,
  explicit_key = 2,
  fingerprint_sha1 = 3,
  signature = 4,
  fingerprint_sha256 = 5,
  extension = 255,
};
enum class CertificateSubsection : std::uint8_t {
  serial_list = 0x20,
  serial_range = 0x21,
  serial_bitmap = 0x22,
  key_id = 0x23,
  extension = 0x39,
};

void add_section(WireWriter& out, std::uint8_t type, const WireWriter& content) {
  if (content.size() != 0) out.byte(type).string(content.view());
}

ByteVector sha1(Bytes data) {
  // OpenSSL's legacy SHA-1 serves to find a key in a list, never to trust one.
  static EVP_MD* const implementation = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  ByteVector digest(sha1_size);
  crypto::must(implementation == nullptr ? 0 : EVP_Digest(data.data(), data.size(), digest.data(), nullptr, implementation, nullptr));
  return digest;
}

}  // namespace

/// One pass over a file. Each function says false to refuse the whole.
class Krl::Parser {
 public:
  bool parse(Bytes file, Krl& krl);
  std::string_view reason() const { return reason_; }

 private:
  bool refuse(std::string_view reason) {
    reason_ = reason;
    return false;
  }
  bool section(Section type, Bytes body, Krl& krl);
  bool certificates(Bytes body, Krl& krl);
  bool subsection(CertificateSubsection type, Bytes body, CertificateSection& section);
  bool bitmap(Bytes body, SerialSet& serials);
  bool add(SerialSet& serials, std::uint64_t first, std::uint64_t last);
  bool extension(Bytes body);
  std::string_view reason_ = "KRL: malformed";
  std::size_t ranges_ = 0;
};

bool Krl::Parser::parse(Bytes file, Krl& krl) {
  if (file.size() > max_krl_size) return refuse("KRL: too long");
  WireReader reader(file);
  if (as_text(reader.raw(magic.size())) != magic) return refuse("KRL: wrong magic");
  if (reader.uint32() != format_version) return refuse("KRL: unknown format version");
  krl.version = reader.uint64();
  krl.date = reader.uint64();
  reader.uint64();  // flags: none is defined, all are ignored
  reader.string();  // reserved
  krl.comment = to_string(reader.string());
  while (reader.more()) {
    const auto type = static_cast<Section>(reader.byte());
    const Bytes body = reader.string();
    if (reader.failed()) return false;
    if (!section(type, body, krl)) return false;
  }
  if (!reader.finish()) return false;
  for (auto& [ca_key, certificates] : krl.sections_) certificates.serials.settle();
  return true;
}

bool Krl::Parser::section(Section type, Bytes body, Krl& krl) {
  WireReader reader(body);
  switch (type) {
    case Section::certificates:
      return certificates(body, krl);
    case Section::explicit_key:
      while (reader.more()) {
        const Bytes blob = reader.string();
        if (reader.failed() || blob.empty()) return false;
        krl.revoke_key(blob);
      }
      return reader.finish();
    case Section::fingerprint_sha1:
      while (reader.more()) {
        const Bytes digest = reader.string();
        if (digest.size() != sha1_size) return false;
        krl.revoke_sha1(digest);
      }
      return reader.finish();
    case Section::fingerprint_sha256:
      while (reader.more()) {
        const Bytes digest = reader.string();
        if (digest.size() != sha256_size) return false;
        krl.revoke_sha256(digest);
      }
      return reader.finish();
    case Section::signature:
      return refuse("KRL: holds a signature section");
    case Section::extension:
      return extension(body);
  }
  return refuse("KRL: unknown section");
}

bool Krl::Parser::certificates(Bytes body, Krl& krl) {
  WireReader reader(body);
  const Bytes ca_key = reader.string();
  reader.string();  // reserved
  if (reader.failed()) return false;
  CertificateSection& section = krl.sections_[to_vector(ca_key)];
  while (reader.more()) {
    const auto type = static_cast<CertificateSubsection>(reader.byte());
    const Bytes content = reader.string();
    if (reader.failed() || !subsection(type, content, section)) return false;
  }
  return reader.finish();
}

bool Krl::Parser::subsection(CertificateSubsection type, Bytes body, CertificateSection& section) {
  WireReader reader(body);
  switch (type) {
    case CertificateSubsection::serial_list:
      while (reader.more()) {
        const std::uint64_t serial = reader.uint64();
        if (reader.failed() || !add(section.serials, serial, serial)) return false;
      }
      return reader.finish();
    case CertificateSubsection::serial_range: {
      const std::uint64_t first = reader.uint64();
      const std::uint64_t last = reader.uint64();
      return reader.finish() && add(section.serials, first, last);
    }
    case CertificateSubsection::serial_bitmap:
      return bitmap(body, section.serials);
    case CertificateSubsection::key_id:
      while (reader.more()) {
        const Bytes key_id = reader.string();
        if (reader.failed() || std::find(key_id.begin(), key_id.end(), 0) != key_id.end()) return false;
        section.key_ids.insert(to_string(key_id));
      }
      return reader.finish();
    case CertificateSubsection::extension:
      return extension(body);
  }
  return refuse("KRL: unknown section of certificates");
}

bool Krl::Parser::bitmap(Bytes body, SerialSet& serials) {
  WireReader reader(body);
  const std::uint64_t offset = reader.uint64();
  const Bytes bits = reader.mpint();
  if (!reader.finish()) return false;
  // Bit 0, the offset's own serial, is the lowest of the last octet.
  for (std::uint64_t bit = 0; bit < std::uint64_t{bits.size()} * 8; ++bit) {
    if ((bits[bits.size() - 1 - bit / 8] >> (bit % 8) & 1) == 0) continue;
    const std::uint64_t serial = offset + bit;
    if (serial < offset) return refuse("KRL: bitmap runs past the last serial");
    if (!add(serials, serial, serial)) return false;
  }
  return true;
}

bool Krl::Parser::add(SerialSet& serials, std::uint64_t first, std::uint64_t last) {
  if (first == 0 || last < first) return refuse("KRL: serial 0, or a range that ends before it begins");
  const std::size_t before = serials.held();
  serials.add(first, last);
  ranges_ += serials.held() - std::min(before, serials.held());
  return ranges_ <= max_krl_ranges || refuse("KRL: too many serials");
}

bool Krl::Parser::extension(Bytes body) {
  WireReader reader(body);
  reader.string();  // name: none is known
  const bool critical = reader.boolean();
  reader.string();
  return reader.finish() && (!critical || refuse("KRL: unknown critical extension"));
}

ProtocolResult<Krl> Krl::parse(Bytes file) {
  Krl krl;
  Parser parser;
  if (!parser.parse(file, krl)) return violation(Violation::bad_encoding, std::string(parser.reason()));
  return krl;
}

ByteVector Krl::write() const {
  WireWriter out;
  out.raw(as_bytes(magic)).uint32(format_version).uint64(version).uint64(date).uint64(0).string("").string(comment);
  for (const auto& [ca_key, certificates] : sections_) {
    WireWriter list;
    WireWriter subsections;
    for (const SerialSet::Range& range : certificates.serials.ranges()) {
      if (range.last - range.first < 2) {  // two numbers take 16 octets in the list, 21 as a range
        list.uint64(range.first);
        if (range.last != range.first) list.uint64(range.last);
      } else {
        add_section(subsections, static_cast<std::uint8_t>(CertificateSubsection::serial_range),
                    WireWriter().uint64(range.first).uint64(range.last));
      }
    }
    add_section(subsections, static_cast<std::uint8_t>(CertificateSubsection::serial_list), list);
    WireWriter key_ids;
    for (const std::string& key_id : certificates.key_ids) key_ids.string(key_id);
    add_section(subsections, static_cast<std::uint8_t>(CertificateSubsection::key_id), key_ids);
    if (subsections.size() == 0) continue;
    add_section(out, static_cast<std::uint8_t>(Section::certificates), WireWriter().string(ca_key).string("").raw(subsections.view()));
  }
  const auto add_set = [&out](Section type, const std::set<ByteVector>& content) {
    WireWriter list;
    for (const ByteVector& each : content) list.string(each);
    add_section(out, static_cast<std::uint8_t>(type), list);
  };
  add_set(Section::explicit_key, keys_);
  add_set(Section::fingerprint_sha1, sha1_);
  add_set(Section::fingerprint_sha256, sha256_);
  return out.take();
}

void Krl::revoke_serials(Bytes ca_key, std::uint64_t first, std::uint64_t last) {
  if (first == 0) std::abort();
  sections_[to_vector(ca_key)].serials.add(first, last);
}

void Krl::revoke_key_id(Bytes ca_key, std::string key_id) { sections_[to_vector(ca_key)].key_ids.insert(std::move(key_id)); }

void Krl::revoke_key(Bytes key_blob) { keys_.insert(to_vector(key_blob)); }

void Krl::revoke_sha256(Bytes digest) {
  if (digest.size() != sha256_size) std::abort();
  sha256_.insert(to_vector(digest));
}

void Krl::revoke_sha1(Bytes digest) {
  if (digest.size() != sha1_size) std::abort();
  sha1_.insert(to_vector(digest));
}

bool Krl::revoked_blob(Bytes blob) const {
  if (keys_.count(to_vector(blob)) != 0) return true;
  if (!sha256_.empty() && sha256_.count(crypto::hash(crypto::Digest::sha256, blob)) != 0) return true;
  return !sha1_.empty() && sha1_.count(sha1(blob)) != 0;
}

Revocation Krl::check(const PublicKey& key) const { return revoked_blob(key.blob()) ? Revocation::key : Revocation::none; }

Revocation Krl::check(const Certificate& certificate) const {
  const CertificateFields& fields = certificate.fields();
  for (const ByteVector& ca_key : {to_vector(certificate.signature_key().blob()), ByteVector()}) {
    const auto section = sections_.find(ca_key);
    if (section == sections_.end()) continue;
    if (section->second.key_ids.count(fields.key_id) != 0) return Revocation::key_id;
    // "If a serial number is 0, it is not possible to revoke by it": certificates that were never numbered carry it.
    if (fields.serial != 0 && section->second.serials.contains(fields.serial)) return Revocation::serial;
  }
  if (revoked_blob(certificate.subject().blob())) return Revocation::key;
  if (revoked_blob(certificate.signature_key().blob())) return Revocation::ca_key;
  return Revocation::none;
}

}  // namespace gatehouse::keys
