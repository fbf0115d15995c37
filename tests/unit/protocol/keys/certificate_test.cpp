#include "protocol/keys/certificate.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "protocol/core/wire.h"
#include "protocol/crypto/random.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

std::map<std::string, test::VectorBlock> vectors() {
  std::map<std::string, test::VectorBlock> by_name;
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/certificates.txt")) by_name[block.text("name")] = block;
  return by_name;
}

Certificate certificate_named(const std::string& name) { return Certificate::parse_line(vectors().at(name).text("line")).value(); }

ByteVector wrapped(std::string_view value) { return WireWriter().string(value).take(); }

/// A certificate written field by field, apart from the code under test.
struct Draft {
  std::string type = "ssh-ed25519-cert-v01@openssh.com";
  ByteVector nonce = ByteVector(32, 7);
  ByteVector subject;
  std::uint64_t serial = 5;
  std::uint32_t kind = 1;
  std::string key_id = "id";
  ByteVector principals = wrapped("alice");
  std::uint64_t valid_after = 100;
  std::uint64_t valid_before = 200;
  ByteVector critical_options;
  ByteVector extensions;
  std::string reserved;
  ByteVector signature_key;

  Draft() {
    const PublicKey key = test::key_named("ed25519").public_key();
    WireReader blob(key.blob());
    blob.string();
    subject = to_vector(blob.rest());
    signature_key = to_vector(key.blob());
  }
  ByteVector to_be_signed() const {
    WireWriter out;
    out.string(type).string(nonce).raw(subject).uint64(serial).uint32(kind).string(key_id).string(principals);
    out.uint64(valid_after).uint64(valid_before).string(critical_options).string(extensions).string(reserved).string(signature_key);
    return out.take();
  }
  ByteVector signed_by_key() const {
    PrivateKey signer = test::key_named("ed25519");
    const ByteVector data = to_be_signed();
    return WireWriter().raw(data).string(signer.sign(SignatureAlgorithm::ed25519, data).value()).take();
  }
};

ByteVector options(const std::vector<std::pair<std::string, ByteVector>>& pairs) {
  WireWriter out;
  for (const auto& [name, data] : pairs) out.string(name).string(data);
  return out.take();
}

/// Whether a draft is refused after the change, and nothing else is wrong with it.
bool refused(const std::function<void(Draft&)>& change) {
  Draft draft;
  change(draft);
  const ProtocolResult<Certificate> parsed = Certificate::parse(draft.signed_by_key());
  return !parsed && parsed.error().violation == Violation::bad_encoding;
}

bool accepted(const std::function<void(Draft&)>& change) {
  Draft draft;
  change(draft);
  const ProtocolResult<Certificate> parsed = Certificate::parse(draft.signed_by_key());
  return parsed && parsed->verify_signature() == SignatureAlgorithm::ed25519;
}

TEST(Certificate, OfSshKeygenIsReadVerifiedAndRebuilt) {
  int seen = 0;
  for (const auto& [name, block] : vectors()) {
    SCOPED_TRACE(name);
    const Result<Certificate> parsed = Certificate::parse_line(block.text("line"));
    ASSERT_TRUE(parsed) << parsed.error().line();
    EXPECT_EQ(parsed->subject(), PublicKey::parse_line(block.text("subject")).value());
    EXPECT_EQ(parsed->signature_key(), PublicKey::parse_line(block.text("ca")).value());
    const std::optional<SignatureAlgorithm> signature = parsed->verify_signature();
    EXPECT_EQ(signature ? signature_name(*signature) : "none", block.text("signature"));
    EXPECT_EQ(hex(certificate_to_be_signed(parsed->subject(), parsed->fields(), parsed->nonce(), parsed->signature_key())),
              hex(parsed->to_be_signed()));
    EXPECT_EQ(hex(assemble_certificate(parsed->to_be_signed(), parsed->signature())), hex(parsed->blob()));
    const std::string line = parsed->line();
    EXPECT_EQ(block.text("line").substr(0, line.size()), line);
    ++seen;
  }
  EXPECT_EQ(seen, 15);
}

TEST(Certificate, SignedWithSha1IsNotVerified) { EXPECT_EQ(certificate_named("signed_ssh-rsa").verify_signature(), std::nullopt); }

TEST(Certificate, OfAUserHasItsFields) {
  const Certificate parsed = certificate_named("subject_ecdsa_p384");
  const CertificateFields& fields = parsed.fields();
  EXPECT_EQ(fields.type, CertificateType::user);
  EXPECT_EQ(fields.serial, 77u);
  EXPECT_EQ(fields.key_id, "an id");
  EXPECT_EQ(fields.principals, (std::vector<std::string>{"alice", "bob"}));
  EXPECT_EQ(fields.valid_after, 1767323045u);   // 2026-01-02 03:04:05 UTC
  EXPECT_EQ(fields.valid_before, 1798859045u);  // 2027-01-02 03:04:05 UTC
  EXPECT_TRUE(fields.critical_options.empty());
  EXPECT_EQ(fields.extensions, (std::vector<CertificateOption>{{"permit-X11-forwarding", "", false},
                                                               {"permit-agent-forwarding", "", false},
                                                               {"permit-port-forwarding", "", false},
                                                               {"permit-pty", "", false},
                                                               {"permit-user-rc", "", false}}));
  EXPECT_EQ(parsed.nonce().size(), 32u);
}

TEST(Certificate, OfAHostHasItsFields) {
  const CertificateFields fields = certificate_named("host").fields();
  EXPECT_EQ(fields.type, CertificateType::host);
  EXPECT_EQ(fields.serial, 18446744073709551615u);
  EXPECT_EQ(fields.principals, (std::vector<std::string>{"host.example", "10.0.0.1"}));
  EXPECT_EQ(fields.valid_after, 0u);
  EXPECT_EQ(fields.valid_before, forever);
  EXPECT_TRUE(fields.extensions.empty());
}

TEST(Certificate, MayHaveNoPrincipalsOr256) {
  EXPECT_TRUE(certificate_named("no_principals").fields().principals.empty());
  EXPECT_EQ(certificate_named("no_principals").fields().key_id, "");
  EXPECT_EQ(certificate_named("many_principals").fields().principals.size(), 256u);
  EXPECT_EQ(certificate_named("many_principals").fields().principals.back(), "p255");
}

TEST(Certificate, HasItsOptions) {
  const Certificate parsed = certificate_named("options");
  EXPECT_EQ(parsed.critical_option(option::force_command)->value, "/bin/echo hi, there");
  EXPECT_EQ(parsed.critical_option(option::source_address)->value, "10.0.0.0/8,2001:db8::/32");
  EXPECT_FALSE(parsed.critical_option(option::verify_required)->has_value);
  EXPECT_EQ(parsed.critical_option("z@example.com")->value, "value");
  EXPECT_FALSE(parsed.critical_option("a@example.com")->has_value);
  EXPECT_EQ(parsed.critical_option(extension::permit_pty), nullptr) << "an extension is no critical option";
  EXPECT_NE(parsed.extension(extension::permit_pty), nullptr);
  EXPECT_NE(parsed.extension(extension::no_touch_required), nullptr);
  EXPECT_EQ(parsed.extension(extension::permit_user_rc), nullptr);
  EXPECT_EQ(parsed.extension(extension::session_end)->value, "1800000000");
  EXPECT_EQ(parsed.fields().critical_options.size(), 5u);
}

TEST(Certificate, CutAtAnyOctetOrWithOneMoreIsRefused) {
  for (const auto& [name, block] : vectors()) {
    const ByteVector blob = to_vector(Certificate::parse_line(block.text("line")).value().blob());
    for (std::size_t size = 0; size < blob.size(); ++size) {
      EXPECT_FALSE(Certificate::parse(Bytes(blob).first(size))) << name << ' ' << size;
      EXPECT_FALSE(open_certificate(Bytes(blob).first(size))) << name << ' ' << size;
    }
    ByteVector longer = blob;
    longer.push_back(0);
    EXPECT_FALSE(Certificate::parse(longer)) << name;
    EXPECT_FALSE(open_certificate(longer)) << name;
  }
}

TEST(Certificate, WithAnyOctetChangedIsRefusedOrNotVerified) {
  for (const char* name : {"subject_ed25519", "subject_rsa", "signed_rsa-sha2-512", "options"}) {
    const ByteVector blob = to_vector(certificate_named(name).blob());
    for (std::size_t at = 0; at < blob.size(); ++at) {
      ByteVector changed = blob;
      changed[at] ^= 0x01;
      const ProtocolResult<Certificate> parsed = Certificate::parse(changed);
      if (parsed) {
        EXPECT_EQ(parsed->verify_signature(), std::nullopt) << name << ' ' << at;
      }
    }
  }
}

TEST(Certificate, WrittenFieldByFieldIsAccepted) {
  EXPECT_TRUE(accepted([](Draft&) {}));
  EXPECT_TRUE(accepted([](Draft& draft) { draft.nonce.clear(); }));
}

TEST(Certificate, OfAnotherKindThanUserAndHostIsRefused) {
  EXPECT_TRUE(accepted([](Draft& draft) { draft.kind = 2; }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.kind = 0; }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.kind = 3; }));
}

TEST(Certificate, OfUnknownTypeIsRefused) {
  for (const char* type :
       {"", "ssh-ed25519", "ssh-ed25519-cert-v00@openssh.com", "ssh-dss-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com"}) {
    EXPECT_TRUE(refused([type](Draft& draft) { draft.type = type; })) << type;
  }
}

TEST(Certificate, WithReservedOctetsIsRefused) {
  EXPECT_TRUE(refused([](Draft& draft) { draft.reserved = "x"; }));
}

TEST(Certificate, WithNulInATextIsRefused) {
  EXPECT_TRUE(refused([](Draft& draft) { draft.key_id = std::string("a\0b", 3); }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.principals = wrapped(std::string("alice\0", 6)); }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.extensions = options({{std::string("a\0@x", 4), {}}}); }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.critical_options = options({{"force-command", wrapped(std::string("a\0b", 3))}}); }));
}

TEST(Certificate, WithMoreThan256PrincipalsIsRefused) {
  WireWriter list;
  for (int i = 0; i < 257; ++i) list.string("p");
  EXPECT_TRUE(refused([&](Draft& draft) { draft.principals = list.take(); }));
}

TEST(Certificate, WithMalformedPrincipalsIsRefused) {
  EXPECT_TRUE(refused([](Draft& draft) { draft.principals = {0, 0, 0, 9, 'a'}; }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.principals.push_back(0); }));
}

TEST(Certificate, WithAnOptionTwiceIsRefused) {
  const ByteVector value = wrapped("10.0.0.0/8");
  EXPECT_TRUE(refused([&](Draft& draft) {
    draft.critical_options = options({{"source-address", value}, {"source-address", wrapped("0.0.0.0/0")}});
  }));
  EXPECT_TRUE(refused([&](Draft& draft) { draft.extensions = options({{"permit-pty", {}}, {"a@b", {}}, {"permit-pty", {}}}); }));
}

TEST(Certificate, WithOptionsOutOfOrderIsAccepted) {
  // Stock ssh-keygen sorts and stock sshd does not ask for it.
  EXPECT_TRUE(accepted([](Draft& draft) { draft.extensions = options({{"permit-pty", {}}, {"a@b", {}}}); }));
}

TEST(Certificate, WithKnownOptionsOfAnotherFormIsRefused) {
  for (const char* valued : {"force-command", "source-address"}) {
    EXPECT_TRUE(refused([&](Draft& draft) { draft.critical_options = options({{valued, {}}}); })) << valued;
    EXPECT_TRUE(refused([&](Draft& draft) { draft.critical_options = options({{valued, to_vector(as_bytes("10.0.0.1"))}}); })) << valued;
    ByteVector more = wrapped("10.0.0.1");
    more.push_back(0);
    EXPECT_TRUE(refused([&](Draft& draft) { draft.critical_options = options({{valued, more}}); })) << valued;
  }
  for (const char* flag : {"permit-pty", "permit-port-forwarding", "no-touch-required", "permit-user-rc"}) {
    EXPECT_TRUE(refused([&](Draft& draft) { draft.extensions = options({{flag, wrapped("")}}); })) << flag;
    EXPECT_TRUE(refused([&](Draft& draft) { draft.extensions = options({{flag, {1}}}); })) << flag;
  }
  EXPECT_TRUE(refused([](Draft& draft) { draft.critical_options = options({{"verify-required", wrapped("x")}}); }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.extensions = options({{"session-end@gatehouse", {}}}); }));
}

TEST(Certificate, WithMalformedOptionsIsRefused) {
  EXPECT_TRUE(refused([](Draft& draft) { draft.extensions = {0}; }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.extensions = wrapped("a@b"); })) << "a name without data";
  EXPECT_TRUE(refused([](Draft& draft) { draft.critical_options = WireWriter().string("a@b").uint32(5).take(); }));
}

TEST(Certificate, KeepsDataOfUnknownNamesAsItIs) {
  Draft draft;
  draft.extensions = options({{"a@example.com", wrapped("text")}, {"b@example.com", {1, 2, 3}}, {"c@example.com", {}}});
  const Certificate parsed = Certificate::parse(draft.signed_by_key()).value();
  EXPECT_EQ(*parsed.extension("a@example.com"), (CertificateOption{"a@example.com", "text", true, false}));
  EXPECT_EQ(*parsed.extension("b@example.com"), (CertificateOption{"b@example.com", "\1\2\3", true, true}));
  EXPECT_EQ(*parsed.extension("c@example.com"), (CertificateOption{"c@example.com", "", false, false}));
  EXPECT_EQ(certificate_to_be_signed(parsed.subject(), parsed.fields(), parsed.nonce(), parsed.signature_key()), draft.to_be_signed());
}

TEST(Certificate, WithACertificateAsSignatureKeyIsRefusedHoweverDeep) {
  ByteVector nested = Draft().signed_by_key();
  for (int depth = 0; depth < 200; ++depth) {
    Draft draft;
    draft.signature_key = nested;
    nested = draft.signed_by_key();
    if (nested.size() > max_certificate_blob) break;
    const ProtocolResult<Certificate> parsed = Certificate::parse(nested);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().violation, Violation::bad_encoding);
    ASSERT_TRUE(open_certificate(nested)) << "the envelope gives the octets to compare, and reads no further";
  }
}

TEST(Certificate, WithASignatureKeyThatIsNoneIsRefused) {
  EXPECT_TRUE(refused([](Draft& draft) { draft.signature_key.clear(); }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.signature_key.push_back(0); }));
  EXPECT_TRUE(refused([](Draft& draft) { draft.signature_key = WireWriter().string("ssh-dss").string("x").take(); }));
}

TEST(Certificate, WithASubjectThatIsNoneIsRefused) {
  EXPECT_TRUE(refused([](Draft& draft) { draft.subject = WireWriter().string(ByteVector(31)).take(); }));
  EXPECT_TRUE(refused([](Draft& draft) {
    draft.type = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
    draft.subject = WireWriter().string("nistp256").string(ByteVector(65, 4)).take();
  }));
  EXPECT_TRUE(refused([](Draft& draft) {
    draft.type = "ssh-rsa-cert-v01@openssh.com";
    draft.subject = WireWriter().mpint(ByteVector{3}).mpint(ByteVector(128, 0xff)).take();
  })) << "RSA with 1024 bits";
}

TEST(Certificate, LongerThanTheLimitIsRefused) {
  Draft draft;
  draft.extensions = options({{"a@example.com", ByteVector(max_certificate_blob)}});
  const ByteVector blob = draft.signed_by_key();
  EXPECT_FALSE(Certificate::parse(blob));
  EXPECT_FALSE(open_certificate(blob));
}

TEST(Certificate, OfEveryTypeIsIssuedAndVerified) {
  for (const std::string& subject_name : test::key_names()) {
    for (const std::string& ca_name : test::key_names()) {
      PrivateKey ca = test::key_named(ca_name);
      const PublicKey subject = test::key_named(subject_name).public_key();
      CertificateFields fields;
      fields.serial = 9;
      fields.key_id = "id";
      fields.principals = {"alice"};
      fields.valid_after = 1;
      fields.valid_before = 2;
      fields.extensions = {{"permit-pty", "", false}, {"a@b", "", true}};
      fields.critical_options = {{"source-address", "10.0.0.0/8", true}, {"force-command", "", true}};
      for (const SignatureAlgorithm algorithm : signatures_of(ca.public_key().type())) {
        const ByteVector data = certificate_to_be_signed(subject, fields, crypto::random_bytes(32), ca.public_key());
        const ByteVector blob = assemble_certificate(data, ca.sign(algorithm, data).value());
        const ProtocolResult<Certificate> parsed = Certificate::parse(blob);
        ASSERT_TRUE(parsed) << parsed.error().detail;
        EXPECT_EQ(parsed->verify_signature(), algorithm);
        EXPECT_EQ(parsed->subject(), subject);
        EXPECT_EQ(parsed->fields().critical_options.front().name, "force-command") << "sorted";
        EXPECT_TRUE(parsed->fields().critical_options.front().has_value) << "an empty command is a command";
        EXPECT_EQ(parsed->fields().extensions.front().name, "a@b");
      }
    }
  }
}

TEST(CertificateDeathTest, IsNotBuiltWithAnOptionTwice) {
  const PublicKey key = test::key_named("ed25519").public_key();
  CertificateFields fields;
  fields.extensions = {{"permit-pty", "", false}, {"permit-pty", "", false}};
  EXPECT_DEATH(certificate_to_be_signed(key, fields, ByteVector(32), key), "");
}

TEST(CertificateEnvelope, BorrowsTheParts) {
  const Certificate parsed = certificate_named("subject_rsa");
  const CertificateEnvelope envelope = open_certificate(parsed.blob()).value();
  EXPECT_EQ(envelope.subject_type, KeyType::rsa);
  EXPECT_TRUE(equal(envelope.signature_key, parsed.signature_key().blob()));
  EXPECT_TRUE(equal(envelope.to_be_signed, parsed.to_be_signed()));
  EXPECT_TRUE(equal(envelope.signature, parsed.signature()));
}

TEST(CertificateLine, RefusesWhatIsNoCertificate) {
  EXPECT_FALSE(Certificate::parse_line(test::key_named("ed25519").public_key().line()));
  EXPECT_FALSE(Certificate::parse_line(""));
  EXPECT_EQ(certificate_named("host").line("a comment"), certificate_named("host").line() + " a comment");
}

}  // namespace
}  // namespace gatehouse::keys
