/// The file format of PrivateKey: "openssh-key-v1" (OpenSSH PROTOCOL.key).
#include <algorithm>

#include "protocol/crypto/random.h"
#include "protocol/keys/private_key.h"
#include "protocol/keys/secret_writer.h"

namespace gatehouse::keys {

namespace {

constexpr std::string_view begin_line = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view end_line = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view magic{"openssh-key-v1\0", 15};
constexpr std::size_t max_file = 64 * 1024;
constexpr std::size_t columns = 70;
constexpr std::size_t block = 8;           // of cipher "none"
constexpr std::size_t max_padding = 0xff;  // 1, 2, 3, …; some writers pad by more than a block

/// Wipes what the base64 functions made in memory that is not ours.
template <class Container>
class Wiped {
 public:
  explicit Wiped(Container content) : content_(std::move(content)) {}
  ~Wiped() { OPENSSL_cleanse(content_.data(), content_.size()); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  const Container& operator*() const { return content_; }

 private:
  Container content_;
};

/// The octets between the two lines. @error Problem
Result<SecretBytes> dearmor(std::string_view text) {
  static constexpr std::string_view white = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(white), text.size()));
  if (text.substr(0, begin_line.size()) != begin_line) return problem("not an OpenSSH private key: its first line is missing");
  text.remove_prefix(begin_line.size());
  const std::size_t end = text.find(end_line);
  if (end == text.npos) return problem("not an OpenSSH private key: its last line is missing");
  if (text.find_first_not_of(white, end + end_line.size()) != text.npos) return problem("octets after the private key's last line");
  text = text.substr(0, end);
  SecretBytes packed(text.size());
  std::size_t size = 0;
  for (const char c : text) {
    if (white.find(c) == white.npos) packed.fill()[size++] = static_cast<std::uint8_t>(c);
  }
  // unbase64 takes its memory once, for the whole, so that nothing is left behind in smaller places.
  std::optional<ByteVector> decoded = unbase64(packed.reveal_text().substr(0, size));
  if (!decoded) return problem("the private key's base64 is malformed");
  const Wiped<ByteVector> octets(std::move(*decoded));
  return SecretBytes::copy_of(*octets);
}

}  // namespace

Result<PrivateKey> PrivateKey::parse_openssh(const SecretBytes& file) {
  if (file.size() > max_file) return problem("private key file too long");
  const Result<SecretBytes> armoured = dearmor(file.reveal_text());
  if (!armoured) return tl::unexpected(armoured.error());
  WireReader reader(armoured->reveal());
  if (as_text(reader.raw(magic.size())) != magic) return problem("not an OpenSSH private key: wrong magic");
  const std::string_view cipher = reader.text();
  const std::string_view kdf = reader.text();
  const Bytes kdf_options = reader.string();
  const std::uint32_t count = reader.uint32();
  const Bytes public_blob = reader.string();
  const Bytes section = reader.string();
  if (!reader.failed() && (cipher != "none" || kdf != "none")) {
    return problem("the private key is encrypted with a passphrase", {}, "load it into an agent, or remove the passphrase: ssh-keygen -p");
  }
  if (!reader.finish() || !kdf_options.empty() || count != 1 || section.size() % block != 0)
    return problem("malformed OpenSSH private key");

  WireReader inner(section);
  const std::uint32_t check = inner.uint32();
  if (check != inner.uint32()) return problem("malformed OpenSSH private key: check numbers differ");
  ProtocolResult<PrivateKey> key = read_agent_fields(inner);
  if (!key) return problem("malformed OpenSSH private key: " + key.error().detail);
  inner.string();  // comment
  const Bytes padding = inner.rest();
  if (!inner.finish() || padding.size() > max_padding) return problem("malformed OpenSSH private key: comment or padding");
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (padding[i] != i + 1) return problem("malformed OpenSSH private key: padding");
  }
  if (!equal(key->public_key().blob(), public_blob)) return problem("malformed OpenSSH private key: its public half is another key");
  return std::move(*key);
}

SecretBytes PrivateKey::openssh_file(std::string_view comment) const {
  const std::uint64_t check = crypto::random_uint64();
  const SecretBytes fields = agent_fields();
  SecretWriter section;
  section.uint32(static_cast<std::uint32_t>(check)).uint32(static_cast<std::uint32_t>(check)).raw(fields.reveal()).string(comment);
  for (std::uint8_t i = 1; section.size() % block != 0; ++i) section.byte(i);

  SecretWriter content;
  content.raw(as_bytes(magic)).string("none").string("none").string("").uint32(1).string(public_key_.blob()).string(section.view());

  const Wiped<std::string> encoded(base64(content.view()));
  SecretWriter file;
  const std::string_view text = *encoded;
  file.raw(as_bytes(begin_line)).byte('\n');
  for (std::size_t at = 0; at < text.size(); at += columns) file.raw(as_bytes(text.substr(at, columns))).byte('\n');
  file.raw(as_bytes(end_line)).byte('\n');
  return file.take();
}

}  // namespace gatehouse::keys
