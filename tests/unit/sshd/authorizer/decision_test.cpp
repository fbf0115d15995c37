#include "sshd/authorizer/decision.h"

#include <gtest/gtest.h>

#include <functional>

#include "certificates.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::sshd {
namespace {

using namespace test;
using keys::CertificateFields;
using keys::KeyType;

Verdict judge(const OwnedRequest& request, const Trust& trust_now = trust(), const Settings& with = settings(), std::uint64_t when = now) {
  return decide(request.view(), trust_now, with, when);
}

/// The verdict on a certificate that differs from a good one by `change`.
template <class Change>
Verdict judge_changed(Change change, const std::string& config = "", std::uint64_t when = now) {
  CertificateFields fields = good_fields();
  change(fields);
  return judge(request_with(certificate(fields)).sign(), trust(), settings(config), when);
}

TEST(Decision, GrantsWhatACertificateSays) {
  const OwnedRequest request = request_with(certificate(good_fields())).sign();
  const Verdict verdict = judge(request);
  ASSERT_EQ(word(verdict), "granted") << detail(verdict);
  const Grant& grant = std::get<Grant>(verdict);
  EXPECT_EQ(grant.user, "alice");
  EXPECT_EQ(grant.principal, "alice");
  EXPECT_EQ(grant.certificate.serial, 0x8000000000000001U);
  EXPECT_EQ(grant.certificate.key_id, "request-1");
  EXPECT_EQ(grant.certificate.fingerprint, person().public_key().fingerprint());
  EXPECT_EQ(grant.certificate.ca_fingerprint, ca().public_key().fingerprint());
  EXPECT_EQ(grant.ca_key_type, keys::key_blob_name(ca().public_key().type()));
  EXPECT_EQ(grant.key_type, "ssh-ed25519-cert-v01@openssh.com");
  EXPECT_EQ(grant.signature_algorithm, "ssh-ed25519");
  EXPECT_EQ(grant.certificate_sha256, crypto::hash(crypto::Digest::sha256, request.blob));
  EXPECT_EQ(grant.valid_after, now - 60);
  EXPECT_EQ(grant.valid_before, now + 3600);
  EXPECT_EQ(grant.permits, (Permits{true, true, true, true, true}));
  EXPECT_FALSE(grant.force_command);
  EXPECT_FALSE(grant.session_end);
  EXPECT_FALSE(grant.break_glass);
  EXPECT_TRUE(grant.source_addresses.empty());
}

TEST(Decision, AQueryIsNeverAGrant) {
  const Verdict verdict = judge(request_with(certificate(good_fields())));
  ASSERT_EQ(word(verdict), "acceptable");
  EXPECT_EQ(std::get<Acceptable>(verdict).certificate.key_id, "request-1");
}

TEST(Decision, GrantsNothingThatTheCertificateDoesNotPermit) {
  const Verdict verdict = judge_changed([](CertificateFields& fields) { fields.extensions.clear(); });
  ASSERT_EQ(word(verdict), "granted");
  EXPECT_EQ(std::get<Grant>(verdict).permits, Permits{});
  for (std::size_t i = 0; i < good_fields().extensions.size(); ++i) {
    const Verdict one = judge_changed([i](CertificateFields& fields) { fields.extensions = {good_fields().extensions[i]}; });
    const Permits permits = std::get<Grant>(one).permits;
    EXPECT_EQ(permits.pty + permits.port_forwarding + permits.agent_forwarding + permits.x11_forwarding + permits.user_rc, 1);
  }
}

TEST(Decision, UnknownExtensionsAreIgnored) {
  EXPECT_EQ(word(judge_changed([](CertificateFields& fields) { fields.extensions.push_back(valued("new@example.org", "x")); })), "granted");
}

TEST(Decision, CarriesCommandSourcesAndSessionEnd) {
  const Verdict verdict = judge_changed([](CertificateFields& fields) {
    fields.critical_options = {valued("force-command", "/bin/date -u"), valued("source-address", "192.0.2.0/24,2001:db8::/32")};
    fields.extensions.push_back(valued("session-end@gatehouse", "1700040000"));
  });
  ASSERT_EQ(word(verdict), "granted") << detail(verdict);
  const Grant& grant = std::get<Grant>(verdict);
  EXPECT_EQ(grant.force_command, "/bin/date -u");
  EXPECT_EQ(grant.source_addresses, (std::vector<std::string>{"192.0.2.0/24", "2001:db8::/32"}));
  EXPECT_EQ(grant.session_end, 1700040000U);
}

TEST(Decision, AnEmptyForcedCommandIsNotNone) {
  const Verdict verdict = judge_changed([](CertificateFields& fields) { fields.critical_options = {valued("force-command", "")}; });
  ASSERT_EQ(word(verdict), "granted");
  EXPECT_EQ(std::get<Grant>(verdict).force_command, "");
}

TEST(Decision, ASessionEndThatIsNoNumberIsNone) {
  for (const std::string text : {"soon", "", "-1", "12x", "99999999999999999999"}) {
    const Verdict verdict = judge_changed([&](CertificateFields& fields) { fields.extensions = {valued("session-end@gatehouse", text)}; });
    ASSERT_EQ(word(verdict), "granted") << text;
    EXPECT_FALSE(std::get<Grant>(verdict).session_end) << text;
  }
}

struct KindCase {
  std::string name;
  KeyType type;
  std::string algorithm;
};
class EveryKind : public testing::TestWithParam<KindCase> {};

TEST_P(EveryKind, OfUserKeyIsGranted) {
  keys::PrivateKey& key = key_of(GetParam().type, 10);
  OwnedRequest request = request_with(certificate(good_fields(), ca(), key));
  request.algorithm = GetParam().algorithm;
  EXPECT_EQ(word(judge(request.sign(key))), "granted");
  EXPECT_EQ(word(judge(request.sign(key_of(GetParam().type, 11)))), "bad_signature") << "another key of the kind";
}

TEST_P(EveryKind, OfCaKeyIsTrusted) {
  keys::PrivateKey& authority = key_of(GetParam().type, 11);
  Trust trusting = trust();
  trusting.trusted = {authority.public_key()};
  const OwnedRequest request = request_with(certificate(good_fields(), authority)).sign();
  EXPECT_EQ(word(judge(request, trusting)), "granted");
}

TEST_P(EveryKind, HostBoundIsOverOurHostKey) {
  keys::PrivateKey& key = key_of(GetParam().type, 10);
  OwnedRequest request = request_with(certificate(good_fields(), ca(), key));
  request.algorithm = GetParam().algorithm;
  request.host_bound = true;
  EXPECT_EQ(word(judge(request.sign(key))), "granted");
  request.host_bound = false;  // the same signature, passed off as plain publickey
  EXPECT_EQ(word(judge(request)), "bad_signature");
}

INSTANTIATE_TEST_SUITE_P(Keys, EveryKind,
                         testing::Values(KindCase{"Ed25519", KeyType::ed25519, "ssh-ed25519-cert-v01@openssh.com"},
                                         KindCase{"P256", KeyType::ecdsa_p256, "ecdsa-sha2-nistp256-cert-v01@openssh.com"},
                                         KindCase{"P384", KeyType::ecdsa_p384, "ecdsa-sha2-nistp384-cert-v01@openssh.com"},
                                         KindCase{"P521", KeyType::ecdsa_p521, "ecdsa-sha2-nistp521-cert-v01@openssh.com"},
                                         KindCase{"Rsa512", KeyType::rsa, "rsa-sha2-512-cert-v01@openssh.com"},
                                         KindCase{"Rsa256", KeyType::rsa, "rsa-sha2-256-cert-v01@openssh.com"}),
                         [](const auto& each) { return each.param.name; });

// ---- the peer's part ---------------------------------------------------------------------------------------------------------------

TEST(Refusal, PlainKeysAreNoCertificates) {
  for (const std::string name : {"ssh-ed25519", "rsa-sha2-512", "ecdsa-sha2-nistp256"}) {
    OwnedRequest request = request_with(to_vector(person().public_key().blob()));
    request.algorithm = name;
    EXPECT_EQ(word(judge(request)), "no_certificate") << name;
  }
}

TEST(Refusal, TheAlgorithmIsJudgedBeforeTheBlob) {
  for (const std::string name :
       {"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-dss", "sk-ssh-ed25519-cert-v01@openssh.com", "", "\x1b[31m"}) {
    OwnedRequest request = request_with(ByteVector{0xff, 0xff, 0xff, 0xff});
    request.algorithm = name;
    EXPECT_EQ(word(judge(request)), "unsupported_algorithm") << name;
  }
  OwnedRequest request = request_with(certificate(good_fields())).sign();
  EXPECT_EQ(word(judge(request, trust(), settings("PubkeyAcceptedAlgorithms rsa-sha2-512-cert-v01@openssh.com"))), "unsupported_algorithm");
}

TEST(Refusal, AllowingOneCurveAllowsNoOther) {
  keys::PrivateKey& key = key_of(KeyType::ecdsa_p384, 10);
  OwnedRequest request = request_with(certificate(good_fields(), ca(), key));
  const Settings p256 = settings("PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com");
  request.algorithm = "ecdsa-sha2-nistp384-cert-v01@openssh.com";
  EXPECT_EQ(word(judge(request.sign(key), trust(), p256)), "unsupported_algorithm");
  request.algorithm = "ecdsa-sha2-nistp256-cert-v01@openssh.com";  // an allowed name over another key
  EXPECT_EQ(word(judge(request, trust(), p256)), "unsupported_algorithm");
}

TEST(Refusal, TheAlgorithmMustBeTheCertificates) {
  OwnedRequest request = request_with(certificate(good_fields()));
  request.algorithm = "rsa-sha2-512-cert-v01@openssh.com";
  EXPECT_EQ(word(judge(request)), "unsupported_algorithm");
}

TEST(Refusal, SignaturesMustBeByTheNamedAlgorithm) {
  keys::PrivateKey& key = key_of(KeyType::rsa, 10);
  OwnedRequest request = request_with(certificate(good_fields(), ca(), key));
  request.algorithm = "rsa-sha2-512-cert-v01@openssh.com";
  const auto weaker = key.sign(keys::SignatureAlgorithm::rsa_sha2_256, request.signed_data());
  request.signature = *weaker;
  EXPECT_EQ(word(judge(request)), "bad_signature");
}

TEST(Refusal, MalformedBlobs) {
  const ByteVector good = certificate(good_fields());
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Verdict verdict = judge(request_with({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}));
    ASSERT_TRUE(std::holds_alternative<Refusal>(verdict)) << size;
  }
  ByteVector longer = good;
  longer.push_back(0);
  EXPECT_EQ(word(judge(request_with(longer))), "malformed");
  EXPECT_EQ(word(judge(request_with(ByteVector(keys::max_certificate_blob + 1)))), "malformed");
  EXPECT_EQ(word(judge(request_with({}))), "malformed");
}

TEST(Refusal, EveryChangedOctetIsFound) {
  const OwnedRequest good = request_with(certificate(good_fields())).sign();
  for (std::size_t i = 0; i < good.blob.size(); ++i) {
    OwnedRequest changed = good;
    changed.blob[i] ^= 0x01;
    EXPECT_TRUE(std::holds_alternative<Refusal>(judge(changed))) << "octet " << i;
  }
}

TEST(Refusal, SignaturesOverAnythingElse) {
  const OwnedRequest good = request_with(certificate(good_fields())).sign();
  ASSERT_EQ(word(judge(good)), "granted");

  OwnedRequest other = good;
  other.user = "operators";  // a principal, but not who was signed for
  EXPECT_EQ(word(judge(other)), "bad_signature");

  AuthenticationRequest moved = good.view();
  const ByteVector another_session(32, 0x11);
  moved.session_id = another_session;  // brought from another connection
  EXPECT_EQ(word(decide(moved, trust(), settings(), now)), "bad_signature");

  OwnedRequest bound = good;
  bound.host_bound = true;
  bound.sign();
  AuthenticationRequest elsewhere = bound.view();
  elsewhere.host_key = another_session;  // brought from another server
  EXPECT_EQ(word(decide(elsewhere, trust(), settings(), now)), "bad_signature");

  for (std::size_t i = 0; i < good.signature->size(); ++i) {
    OwnedRequest flipped = good;
    (*flipped.signature)[i] ^= 0x80;
    EXPECT_EQ(word(judge(flipped)), "bad_signature") << "octet " << i;
  }
  OwnedRequest empty = good;
  empty.signature = ByteVector{};
  EXPECT_EQ(word(judge(empty)), "bad_signature");
  OwnedRequest huge = good;
  huge.signature = ByteVector(1 << 20);
  EXPECT_EQ(word(judge(huge)), "malformed");
}

TEST(Refusal, ACertificateProbedFirstLendsNothingToAnother) {
  // CVE-2024-45337: probe with A, sign with B. Each request stands alone.
  keys::PrivateKey& mallory = key_of(KeyType::ed25519, 20);
  CertificateFields fields = good_fields();
  EXPECT_EQ(word(judge(request_with(certificate(fields)))), "acceptable");
  fields.principals = {"mallory"};
  EXPECT_EQ(word(judge(request_with(certificate(fields, ca(), mallory)).sign(mallory))), "principal_mismatch");
  OwnedRequest stolen = request_with(certificate(good_fields()));
  EXPECT_EQ(word(judge(stolen.sign(mallory))), "bad_signature");
}

TEST(Refusal, OtherServicesAndNames) {
  OwnedRequest request = request_with(certificate(good_fields()));
  request.service = "ssh-userauth";
  EXPECT_EQ(word(judge(request.sign())), "malformed");
  request = request_with(certificate(good_fields()));
  request.user = "";
  EXPECT_EQ(word(judge(request.sign())), "malformed");
  request.user = std::string(256, 'a');
  EXPECT_EQ(word(judge(request.sign())), "malformed");
}

TEST(Refusal, AnAccountThatDoesNotExistIsRefusedLast) {
  OwnedRequest request = request_with(certificate(good_fields())).sign();
  request.account_exists = false;
  EXPECT_EQ(word(judge(request)), "invalid_user");
  request.signature.reset();
  EXPECT_EQ(word(judge(request)), "invalid_user") << "no PK_OK either";
  request.sign(key_of(KeyType::ed25519, 20));
  EXPECT_EQ(word(judge(request)), "bad_signature") << "the signature is verified all the same";
  // A name that no account can have, though a CA wrote it down and the monitor believes in it.
  CertificateFields fields = good_fields();
  fields.principals = {"../root"};
  request = request_with(certificate(fields));
  request.user = "../root";
  EXPECT_EQ(word(judge(request.sign())), "invalid_user");
}

// ---- the CA's part -----------------------------------------------------------------------------------------------------------------

TEST(Refusal, CasThatNobodyTrusts) {
  const OwnedRequest request = request_with(certificate(good_fields(), other_ca())).sign();
  const Verdict verdict = judge(request);
  EXPECT_EQ(word(verdict), "untrusted_ca");
  const CertificateFacts& facts = std::get<Refusal>(verdict).certificate;
  EXPECT_EQ(facts.ca_fingerprint, other_ca().public_key().fingerprint());
  EXPECT_FALSE(facts.serial) << "nobody vouches for it";
  EXPECT_TRUE(facts.key_id.empty());
  EXPECT_EQ(word(judge(request, Trust{})), "untrusted_ca") << "no CA at all";
}

TEST(Refusal, ASignatureThatIsNotTheCas) {
  // The trusted key stands in the certificate, somebody else signed.
  const ByteVector nonce(32, 7);
  const ByteVector to_be_signed = keys::certificate_to_be_signed(person().public_key(), good_fields(), nonce, ca().public_key());
  const Verdict verdict = judge(request_with(signed_by(other_ca(), to_be_signed)).sign());
  EXPECT_EQ(word(verdict), "untrusted_ca");
  EXPECT_FALSE(std::get<Refusal>(verdict).certificate.serial);
  // Signed by itself.
  EXPECT_EQ(word(judge(request_with(signed_by(person(), to_be_signed)).sign())), "untrusted_ca");
}

/// A certificate whose signature key is `signature_key`, signed by `authority` all the same.
ByteVector with_signature_key(Bytes signature_key, keys::PrivateKey& authority) {
  const ByteVector nonce(32, 7);
  const ByteVector plain = keys::certificate_to_be_signed(person().public_key(), good_fields(), nonce, authority.public_key());
  const std::size_t tail = 4 + authority.public_key().blob().size();
  WireWriter out;
  out.raw(Bytes(plain).first(plain.size() - tail)).string(signature_key);
  return signed_by(authority, out.view());
}

TEST(Refusal, ACertificateAsSignatureKey) {
  // CVE-2025-49825: a certificate that the CA made for somebody, used as if it were a CA.
  keys::PrivateKey& insider = key_of(KeyType::ed25519, 21);
  CertificateFields fields = good_fields();
  fields.principals = {"insider"};
  const ByteVector inner = certificate(fields, ca(), insider);
  EXPECT_EQ(word(judge(request_with(with_signature_key(inner, insider)).sign())), "untrusted_ca");
  ByteVector deep = inner;
  for (int i = 0; i < 100; ++i) deep = with_signature_key(deep, insider);
  EXPECT_EQ(word(judge(request_with(deep).sign())), "untrusted_ca");
}

TEST(Refusal, AUsersOwnKeyAsCa) { EXPECT_EQ(word(judge(request_with(certificate(good_fields(), person())).sign())), "untrusted_ca"); }

TEST(Refusal, CaSignaturesOutsideTheList) {
  keys::PrivateKey& authority = key_of(KeyType::rsa, 11);
  Trust trusting = trust();
  trusting.trusted = {authority.public_key()};
  const ByteVector nonce(32, 7);
  const ByteVector to_be_signed = keys::certificate_to_be_signed(person().public_key(), good_fields(), nonce, authority.public_key());
  const OwnedRequest by_512 = request_with(signed_by(authority, to_be_signed)).sign();
  EXPECT_EQ(word(judge(by_512, trusting)), "granted");
  EXPECT_EQ(word(judge(by_512, trusting, settings("CASignatureAlgorithms rsa-sha2-256,ssh-ed25519"))), "ca_algorithm");
  // "ssh-rsa" is SHA-1, whatever octets follow.
  ByteVector signature = *authority.sign(keys::SignatureAlgorithm::rsa_sha2_256, to_be_signed);
  WireReader parts(signature);
  parts.string();
  const ByteVector sha1 = WireWriter().string("ssh-rsa").string(parts.string()).take();
  EXPECT_EQ(word(judge(request_with(keys::assemble_certificate(to_be_signed, sha1)).sign(), trusting)), "ca_algorithm");
  // A name that is allowed over octets of another algorithm.
  const ByteVector renamed = WireWriter().string("rsa-sha2-512").string(WireReader(Bytes(signature).subspan(16)).string()).take();
  EXPECT_EQ(word(judge(request_with(keys::assemble_certificate(to_be_signed, renamed)).sign(), trusting)), "untrusted_ca");
  // One that belongs to another kind of key.
  const ByteVector foreign = WireWriter().string("ssh-ed25519").string(ByteVector(64)).take();
  EXPECT_EQ(word(judge(request_with(keys::assemble_certificate(to_be_signed, foreign)).sign(), trusting)), "untrusted_ca");
}

TEST(Refusal, RsaKeysThatAreTooSmall) {
  keys::PrivateKey& small = key_of(KeyType::rsa, 12, 2048);
  const Settings more = settings("RequiredRSASize 3072");
  OwnedRequest request = request_with(certificate(good_fields(), ca(), small));
  request.algorithm = "rsa-sha2-512-cert-v01@openssh.com";
  EXPECT_EQ(word(judge(request.sign(small))), "granted");
  EXPECT_EQ(word(judge(request, trust(), more)), "key_too_small");
  Trust trusting = trust();
  trusting.trusted = {small.public_key()};
  EXPECT_EQ(word(judge(request_with(certificate(good_fields(), small)).sign(), trusting, more)), "key_too_small") << "the CA's";
}

// ---- what the certificate says -----------------------------------------------------------------------------------------------------

TEST(Refusal, AHostCertificate) {
  const Verdict verdict = judge_changed([](CertificateFields& fields) { fields.type = keys::CertificateType::host; });
  EXPECT_EQ(word(verdict), "not_a_user_certificate");
  EXPECT_EQ(std::get<Refusal>(verdict).certificate.key_id, "request-1") << "the CA vouches for it";
}

struct TimeCase {
  std::string name;
  std::uint64_t after, before;
  std::string verdict;
};
class Validity : public testing::TestWithParam<TimeCase> {};

TEST_P(Validity, IsFromAfterUntilBefore) {
  const TimeCase& each = GetParam();
  EXPECT_EQ(word(judge_changed([&](CertificateFields& fields) {
              fields.valid_after = each.after;
              fields.valid_before = each.before;
            })),
            each.verdict);
}

constexpr std::uint64_t day = 24 * 3600;
INSTANTIATE_TEST_SUITE_P(Edges, Validity,
                         testing::Values(TimeCase{"BeginsNow", now, now + 1, "granted"},                   //
                                         TimeCase{"EndsNow", now - 10, now, "expired"},                    //
                                         TimeCase{"EndsInASecond", now - 10, now + 1, "granted"},          //
                                         TimeCase{"BeginsInASecond", now + 1, now + 60, "not_yet_valid"},  //
                                         TimeCase{"BeforeIsZero", now - 10, 0, "expired"},                 //
                                         TimeCase{"BothZero", 0, 0, "expired"},                            //
                                         TimeCase{"AlwaysAndForever", 0, keys::forever, "lifetime_exceeds_maximum"},
                                         TimeCase{"Forever", now - 10, keys::forever, "lifetime_exceeds_maximum"},
                                         TimeCase{"NegativeWhenSigned", now - 10, 0x8000000000000000, "lifetime_exceeds_maximum"},
                                         TimeCase{"AfterIsForever", keys::forever, keys::forever, "not_yet_valid"},
                                         TimeCase{"EndsBeforeItBegins", now + 10, now - 10, "not_yet_valid"},
                                         TimeCase{"ADay", now - 1, now - 1 + day, "granted"},
                                         TimeCase{"ADayAndBackdating", now - 300, now + day, "granted"},
                                         TimeCase{"ASecondTooLong", now - 301, now + day, "lifetime_exceeds_maximum"}),
                         [](const auto& each) { return each.param.name; });

TEST(Refusal, LifetimesAboveTheConfiguredMaximum) {
  const auto an_hour = [](CertificateFields&) {};  // 3660 s
  EXPECT_EQ(word(judge_changed(an_hour, "MaxCertificateLifetime 1h")), "granted");
  EXPECT_EQ(word(judge_changed(an_hour, "MaxCertificateLifetime 55m")), "lifetime_exceeds_maximum");
}

TEST(Refusal, BreakGlassLivesLongerAndSaysSo) {
  CertificateFields fields = good_fields();
  fields.valid_before = now + 30 * day;
  const OwnedRequest request = request_with(certificate(fields, other_ca())).sign();
  Trust trusting = trust();
  trusting.break_glass = {other_ca().public_key()};
  const Verdict verdict = judge(request, trusting, settings("BreakGlassMaxLifetime 60d"));
  ASSERT_EQ(word(verdict), "granted") << detail(verdict);
  EXPECT_TRUE(std::get<Grant>(verdict).break_glass);
  EXPECT_EQ(word(judge(request, trusting, settings("BreakGlassMaxLifetime 20d"))), "lifetime_exceeds_maximum");
  EXPECT_EQ(word(judge(request, trusting, settings(""))), "lifetime_exceeds_maximum") << "without a limit of its own it has the common one";
  trusting.trusted.push_back(other_ca().public_key());
  EXPECT_EQ(word(judge(request, trusting, settings("BreakGlassMaxLifetime 60d"))), "lifetime_exceeds_maximum")
      << "a key in both is an ordinary one";
}

TEST(Refusal, PrincipalsThatDoNotName) {
  EXPECT_EQ(word(judge_changed([](CertificateFields& fields) { fields.principals.clear(); })), "no_principals");
  for (const std::vector<std::string>& principals : std::vector<std::vector<std::string>>{
           {"bob"}, {"alice,bob"}, {"alice bob"}, {"alice\nbob"}, {"*"}, {"alic?"}, {"Alice"}, {"alice "}, {" alice"}, {""}, {"!bob"}}) {
    EXPECT_EQ(word(judge_changed([&](CertificateFields& fields) { fields.principals = principals; })), "principal_mismatch")
        << principals[0];
  }
  EXPECT_EQ(word(judge_changed([](CertificateFields& fields) {
              fields.principals.assign(keys::max_principals, "bob");
              fields.principals.back() = "alice";
            })),
            "granted");
}

TEST(Refusal, SourceAddresses) {
  const auto from = [](const std::string& list, const std::string& address) {
    CertificateFields fields = good_fields();
    fields.critical_options = {valued("source-address", list)};
    OwnedRequest request = request_with(certificate(fields)).sign();
    request.address = address;
    return word(judge(request));
  };
  EXPECT_EQ(from("192.0.2.0/24", "192.0.2.7"), "granted");
  EXPECT_EQ(from("192.0.2.7", "192.0.2.7"), "granted");
  EXPECT_EQ(from("10.0.0.0/8,192.0.2.0/24", "192.0.2.7"), "granted");
  EXPECT_EQ(from("192.0.2.0/24", "::ffff:192.0.2.7"), "granted") << "the same address in IPv6's dress";
  EXPECT_EQ(from("2001:db8::/32", "2001:db8::7"), "granted");
  for (const auto& [list, address] : std::vector<std::pair<std::string, std::string>>{{"192.0.3.0/24", "192.0.2.7"},
                                                                                      {"", "192.0.2.7"},
                                                                                      {",", "192.0.2.7"},
                                                                                      {"192.0.2.0/24,", "192.0.2.7"},
                                                                                      {"192.0.2.7/24", "192.0.2.7"},
                                                                                      {"192.0.2.0/33", "192.0.2.7"},
                                                                                      {"!10.0.0.0/8", "192.0.2.7"},
                                                                                      {"*", "192.0.2.7"},
                                                                                      {"192.0.2.*", "192.0.2.7"},
                                                                                      {"::/0", "192.0.2.7"},
                                                                                      {"0.0.0.0/0", "2001:db8::7"},
                                                                                      {"192.0.2.0/24", ""},
                                                                                      {"192.0.2.0/24", "UNKNOWN"}}) {
    EXPECT_EQ(from(list, address), "source_address") << list << " " << address;
  }
}

TEST(Refusal, CriticalOptionsThatNobodyKnows) {
  for (const std::string name : {"new-option", "force-command@example.org", "Force-Command", "no-touch-required", ""}) {
    EXPECT_EQ(word(judge_changed([&](CertificateFields& fields) { fields.critical_options = {valued(name, "x")}; })),
              name == "no-touch-required" ? "malformed" : "unknown_critical_option")
        << name;
  }
  keys::CertificateOption verify;
  verify.name = "verify-required";
  EXPECT_EQ(word(judge_changed([&](CertificateFields& fields) { fields.critical_options = {verify}; })), "unknown_critical_option");
  keys::CertificateOption permit;
  permit.name = "permit-pty";  // an extension where an option should be
  EXPECT_EQ(word(judge_changed([&](CertificateFields& fields) { fields.critical_options = {permit}; })), "unknown_critical_option");
}

/// A certificate with option lists that our writer would not write.
ByteVector with_raw_options(Bytes critical_options, Bytes extensions) {
  WireReader subject(person().public_key().blob());
  subject.string();
  WireWriter out;
  out.string("ssh-ed25519-cert-v01@openssh.com").string(ByteVector(32, 7)).raw(subject.rest()).uint64(1).uint32(1).string("raw");
  out.string(WireWriter().string("alice").view()).uint64(now - 60).uint64(now + 60);
  out.string(critical_options).string(extensions).string("").string(ca().public_key().blob());
  return signed_by(ca(), out.view());
}

TEST(Refusal, MalformedOptionLists) {
  const auto option = [](std::string_view name, std::string_view value) {
    return WireWriter().string(name).string(WireWriter().string(value).view()).take();
  };
  const auto verdict = [](Bytes critical, Bytes extensions) {
    return word(judge(request_with(with_raw_options(critical, extensions)).sign()));
  };
  EXPECT_EQ(verdict({}, {}), "granted");
  const ByteVector one = option("source-address", "192.0.2.0/24");
  EXPECT_EQ(verdict(one, {}), "granted");
  EXPECT_EQ(verdict(WireWriter().raw(one).raw(option("source-address", "0.0.0.0/0")).view(), {}), "malformed") << "twice";
  EXPECT_EQ(verdict(WireWriter().raw(option("force-command", "a")).raw(option("force-command", "b")).view(), {}), "malformed") << "twice";
  EXPECT_EQ(verdict(WireWriter().string("source-address").string("").view(), {}), "malformed") << "present, and no value at all";
  EXPECT_EQ(verdict(WireWriter().string("force-command").string("unwrapped").view(), {}), "malformed");
  EXPECT_EQ(verdict(WireWriter().string("force-command").string(WireWriter().string("a").byte(0).view()).view(), {}), "malformed")
      << "left over";
  EXPECT_EQ(verdict(WireWriter().string("force-command").view(), {}), "malformed") << "no value field";
  EXPECT_EQ(verdict({}, WireWriter().string("permit-pty").string("x").view()), "malformed") << "a flag with a value";
  EXPECT_EQ(verdict({}, WireWriter().string("permit-pty").string("").string("permit-pty").string("").view()), "malformed") << "twice";
}

// ---- files -------------------------------------------------------------------------------------------------------------------------

std::shared_ptr<const RevocationList> revoking(const std::function<void(keys::Krl&)>& what) {
  auto list = std::make_shared<RevocationList>();
  list->path = "/krl";
  list->dated = true;
  what(list->list);
  return list;
}

TEST(Refusal, WhatIsRevoked) {
  const OwnedRequest request = request_with(certificate(good_fields())).sign();
  const std::vector<std::pair<std::string, std::function<void(keys::Krl&)>>> ways{
      {"serial", [](keys::Krl& krl) { krl.revoke_serials(ca().public_key().blob(), 0x8000000000000001, 0x8000000000000001); }},
      {"serial of any CA", [](keys::Krl& krl) { krl.revoke_serials({}, 1, 0xffffffffffffffff); }},
      {"key id", [](keys::Krl& krl) { krl.revoke_key_id(ca().public_key().blob(), "request-1"); }},
      {"key", [](keys::Krl& krl) { krl.revoke_key(person().public_key().blob()); }},
      {"CA key", [](keys::Krl& krl) { krl.revoke_key(ca().public_key().blob()); }},
      {"hash", [](keys::Krl& krl) { krl.revoke_sha256(crypto::hash(crypto::Digest::sha256, person().public_key().blob())); }},
      {"hash of the CA key", [](keys::Krl& krl) { krl.revoke_sha256(crypto::hash(crypto::Digest::sha256, ca().public_key().blob())); }},
  };
  for (const auto& [name, way] : ways) {
    Trust trusting = trust();
    trusting.revoked = {revoking([](keys::Krl&) {}), revoking(way)};
    EXPECT_EQ(word(judge(request, trusting)), "revoked") << name;
    OwnedRequest query = request;
    query.signature.reset();
    EXPECT_EQ(word(judge(query, trusting)), "revoked") << name << ", asked without signature";
    const auto parsed = keys::Certificate::parse(request.blob);
    EXPECT_TRUE(revoked_since(*parsed, trusting)) << name;
  }
  Trust trusting = trust();
  trusting.revoked = {revoking([](keys::Krl& krl) {
    krl.revoke_serials(other_ca().public_key().blob(), 1, 0xffffffffffffffff);
    krl.revoke_key_id({}, "request-2");
  })};
  EXPECT_EQ(word(judge(request, trusting)), "granted") << "somebody else's";
  EXPECT_FALSE(revoked_since(*keys::Certificate::parse(request.blob), trusting));
}

TEST(Refusal, FilesThatCannotBeUsedLetNobodyIn) {
  const OwnedRequest request = request_with(certificate(good_fields())).sign();
  Trust trusting = trust();
  trusting.krl_problem = Problem{"cannot open", "/krl", {}};
  EXPECT_EQ(word(judge(request, trusting)), "krl_unavailable");
  OwnedRequest query = request;
  query.signature.reset();
  EXPECT_EQ(word(judge(query, trusting)), "krl_unavailable");
  trusting = trust();
  trusting.trust_problem = Problem{"cannot open", "/ca", {}};
  EXPECT_EQ(word(judge(request, trusting)), "trust_unavailable");
}

TEST(PrincipalsFile, ReplacesTheUserName) {
  OwnedRequest request = request_with(certificate(good_fields())).sign();
  const Settings with = settings("AuthorizedPrincipalsFile /etc/principals/%u");
  EXPECT_EQ(word(judge(request, trust(), with)), "principals_unavailable") << "there is no content";
  request.principals_file = "# who may be alice\n\n  operators  # the team\n";
  Verdict verdict = judge(request, trust(), with);
  ASSERT_EQ(word(verdict), "granted") << detail(verdict);
  EXPECT_EQ(std::get<Grant>(verdict).principal, "operators");
  for (const std::string content : {"", "bob\n", "operator\n", "operators,alice\n", "*\n", "#operators\n", "command=\"x operators\n"}) {
    request.principals_file = content;
    EXPECT_EQ(word(judge(request, trust(), with)), "principal_mismatch") << content;
  }
  request.principals_file = "alice\n";
  EXPECT_EQ(word(judge(request, trust(), settings())), "granted") << "without the keyword the content counts for nothing";
  CertificateFields nobody = good_fields();
  nobody.principals.clear();
  OwnedRequest empty = request_with(certificate(nobody)).sign();
  empty.principals_file = "alice\n\n";
  EXPECT_EQ(word(judge(empty, trust(), with)), "no_principals");
}

TEST(PrincipalsFile, OptionsTakeAwayAndForce) {
  const Settings with = settings("AuthorizedPrincipalsFile /p");
  const auto judged = [&](
                          const std::string& content, const std::function<void(CertificateFields&)>& change = [](CertificateFields&) {}) {
    CertificateFields fields = good_fields();
    change(fields);
    OwnedRequest request = request_with(certificate(fields)).sign();
    request.principals_file = content;
    return judge(request, trust(), with);
  };
  EXPECT_EQ(std::get<Grant>(judged("no-pty,no-agent-forwarding alice")).permits, (Permits{false, true, false, true, true}));
  EXPECT_EQ(std::get<Grant>(judged("restrict,pty alice")).permits, (Permits{true, false, false, false, false}));
  EXPECT_EQ(std::get<Grant>(judged("restrict,pty alice", [](CertificateFields& fields) { fields.extensions.clear(); })).permits, Permits{})
      << "a file gives nothing that the CA did not";
  EXPECT_EQ(std::get<Grant>(judged("permitopen=\"host:22\" alice")).permits.port_forwarding, false);
  EXPECT_EQ(std::get<Grant>(judged("command=\"/bin/echo \\\"a, b\\\"\" alice")).force_command, "/bin/echo \"a, b\"");
  const auto forcing = [](CertificateFields& fields) { fields.critical_options = {valued("force-command", "/bin/date")}; };
  EXPECT_EQ(std::get<Grant>(judged("command=\"/bin/date\" alice", forcing)).force_command, "/bin/date");
  EXPECT_EQ(word(judged("command=\"/bin/sh\" alice", forcing)), "forced_command_conflict");
  EXPECT_EQ(word(judged("from=\"192.0.2.0/24,!192.0.2.8\" alice")), "granted");
  EXPECT_EQ(word(judged("from=\"192.0.2.*,!192.0.2.7\" alice")), "source_address");
  EXPECT_EQ(word(judged("from=\"*.example.org\" alice")), "source_address") << "no name is looked up";
  EXPECT_EQ(word(judged("expiry-time=\"20231114221320Z\" alice")), "expired") << "that second";
  EXPECT_EQ(word(judged("expiry-time=\"20231114221321Z\" alice")), "granted");
  for (const std::string bad :
       {"expiry-time=\"20231114\"", "expiry-time=\"20230231Z\"", "banana", "command", "command=x", "command=\"a\",command=\"b\"",
        "from=\"\"", "verify-required", "cert-authority", "no-pty no-pty", ",", "pty,", "pty=\"x\""}) {
    EXPECT_EQ(word(judged(bad + " alice")), "principal_mismatch") << bad;
    EXPECT_EQ(word(judged(bad + " alice\nalice\n")), "granted") << bad << ", and a line after it";
  }
}

}  // namespace
}  // namespace gatehouse::sshd
