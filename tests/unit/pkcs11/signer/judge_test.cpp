/// Each purpose is offered its own requests and those of the others.
#include "pkcs11/signer/judge.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "protocol/keys/private_key.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::pkcs11 {
namespace {

using keys::KeyType;
using keys::PrivateKey;
using keys::SignatureAlgorithm;

constexpr std::uint64_t now = 1'700'000'000;
constexpr auto algorithm = SignatureAlgorithm::ed25519;

class Judging : public testing::Test {
 protected:
  PrivateKey ca_key = PrivateKey::generate(KeyType::ed25519);
  PrivateKey subject = PrivateKey::generate(KeyType::ecdsa_p256);
  ByteVector blob = to_vector(ca_key.public_key().blob());
  std::vector<Uri> configured{*Uri::parse("pkcs11:token=ca;object=k", UriNames::key)};
  std::vector<RemoteKey> keys_held{{configured[0].text, "k", ca_key.public_key()}};
  ByteVector hash = ByteVector(32, 5);

  static keys::CertificateFields fields() {
    keys::CertificateFields f;
    f.serial = 7;
    f.key_id = "id";
    f.principals = {"alice"};
    f.valid_after = now - 10;
    f.valid_before = now + 3600;
    return f;
  }
  SignCertificate certificate(const keys::CertificateFields& f) const {
    return {blob, algorithm, keys::certificate_to_be_signed(subject.public_key(), f, ByteVector(32, 1), ca_key.public_key())};
  }
  SignSshsig sshsig(std::string_view name_space) const { return {blob, algorithm, std::string(name_space), ByteVector(64, 2)}; }
  std::unique_ptr<CaJudge> judge(const std::string& lines) const {
    const auto limits = Limits::parse("[[key]]\nuri = \"pkcs11:token=ca;object=k\"\n" + lines, "f");
    return std::move(*CaJudge::make(*limits, configured));
  }
  std::unique_ptr<CaJudge> user_judge() const { return judge("signs = [\"user\"]\nmax_lifetime = \"1h\""); }

  std::vector<Request> of_manage() const {
    return {GenerateKey{KeyType::ed25519, 0, "x", {}}, ListObjects{"pkcs11:token=ca"}, DestroyKey{"pkcs11:token=ca;object=k"}};
  }
};

TEST_F(Judging, HostSignsAnExchangeHashAsItIs) {
  const auto approved = judge_for_host(SignExchangeHash{blob, algorithm, hash});
  ASSERT_TRUE(approved);
  EXPECT_EQ(approved->data, hash);
}

TEST_F(Judging, HostBuildsTheHostKeysProofItself) {  // OpenSSH PROTOCOL section 2.5
  const auto approved = judge_for_host(SignHostKeysProof{blob, algorithm, hash});
  ASSERT_TRUE(approved);
  WireWriter expected;
  expected.string("hostkeys-prove-00@openssh.com").string(hash).string(blob);
  EXPECT_EQ(approved->data, expected.take());
}

TEST_F(Judging, HostSignsSshsigInItsOwnNamespaceOnly) {
  const auto approved = judge_for_host(sshsig("gatehouse-host"));
  ASSERT_TRUE(approved);
  WireWriter expected;  // OpenSSH PROTOCOL.sshsig section 3
  expected.raw(as_bytes("SSHSIG")).string("gatehouse-host").string("").string("sha512").string(ByteVector(64, 2));
  EXPECT_EQ(approved->data, expected.take());
  for (const char* other : {"gatehouse-krl", "gatehouse-trust", "gatehouse-checkpoint", "gatehouse-identity", "gatehouse-possession",
                            "gatehouse-admin", "git", "file", "gatehouse-host2", "gatehouse"}) {
    const auto refused = judge_for_host(sshsig(other));
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().kind, FaultKind::refused);
  }
}

TEST_F(Judging, HostRefusesWhatBelongsToOthers) {
  std::vector<Request> foreign = of_manage();
  foreign.push_back(certificate(fields()));
  foreign.push_back(Hello{});
  foreign.push_back(ListKeys{});
  for (const Request& request : foreign) {
    const auto refused = judge_for_host(request);
    ASSERT_FALSE(refused) << request.index();
    EXPECT_EQ(refused.error().kind, FaultKind::refused);
  }
}

TEST_F(Judging, CaSignsACertificateWithinItsLimits) {
  const auto request = certificate(fields());
  const auto approved = user_judge()->judge(request, keys_held, now);
  ASSERT_TRUE(approved) << approved.error().detail;
  EXPECT_EQ(approved->data, request.to_be_signed);
  EXPECT_EQ(approved->note.kind, "user-certificate");
  EXPECT_EQ(approved->note.serial, 7U);
}

TEST_F(Judging, CaRefusesWhatBelongsToOthers) {
  std::vector<Request> foreign = of_manage();
  foreign.push_back(SignExchangeHash{blob, algorithm, hash});
  foreign.push_back(SignHostKeysProof{blob, algorithm, hash});
  foreign.push_back(sshsig("gatehouse-host"));
  foreign.push_back(sshsig("git"));
  const auto judge = user_judge();
  for (const Request& request : foreign) {
    const auto refused = judge->judge(request, keys_held, now);
    ASSERT_FALSE(refused) << request.index();
    EXPECT_EQ(refused.error().kind, FaultKind::refused);
  }
}

TEST_F(Judging, CaSignsInANamespaceOnlyWithAKeyForIt) {
  const std::pair<const char*, const char*> namespaces[] = {
      {"gatehouse-krl", "krl"}, {"gatehouse-trust", "trust"}, {"gatehouse-checkpoint", "checkpoint"}};
  for (const auto& [name_space, kind] : namespaces) {
    EXPECT_TRUE(judge(std::string("signs = [\"") + kind + "\"]")->judge(sshsig(name_space), keys_held, now));
    EXPECT_FALSE(user_judge()->judge(sshsig(name_space), keys_held, now));
    for (const auto& [other_space, other_kind] : namespaces) {
      if (other_kind == kind) continue;
      EXPECT_FALSE(judge(std::string("signs = [\"") + other_kind + "\"]")->judge(sshsig(name_space), keys_held, now));
    }
    EXPECT_FALSE(judge(std::string("signs = [\"") + kind + "\"]")->judge(certificate(fields()), keys_held, now));
  }
}

TEST_F(Judging, CaRefusesACertificateThatNamesAnotherCaKey) {
  const PrivateKey other = PrivateKey::generate(KeyType::ed25519);
  SignCertificate request = certificate(fields());
  request.to_be_signed = keys::certificate_to_be_signed(subject.public_key(), fields(), ByteVector(32, 1), other.public_key());
  EXPECT_FALSE(user_judge()->judge(request, keys_held, now));
}

TEST_F(Judging, CaRefusesAKeyThatItDoesNotHave) {
  SignCertificate request = certificate(fields());
  EXPECT_FALSE(user_judge()->judge(request, {}, now));
  request.key = to_vector(subject.public_key().blob());
  EXPECT_FALSE(user_judge()->judge(request, keys_held, now));
}

TEST_F(Judging, CaRefusesOctetsThatAreNoCertificate) {
  const auto judge = user_judge();
  SignCertificate request = certificate(fields());
  const ByteVector whole = request.to_be_signed;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    request.to_be_signed.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_FALSE(judge->judge(request, keys_held, now)) << size;
  }
  // A tail that would pose as the signature of a certificate that ends earlier.
  request.to_be_signed = whole;
  WireWriter tail;
  tail.raw(whole).string(keys::signature_blob(algorithm, ByteVector(64)));
  request.to_be_signed = tail.take();
  EXPECT_FALSE(judge->judge(request, keys_held, now));
}

TEST_F(Judging, CaKeepsToItsRate) {
  const auto judge = this->judge("signs = [\"user\"]\nmax_lifetime = \"1h\"\nper_minute = 1\nburst = 2");
  EXPECT_TRUE(judge->judge(certificate(fields()), keys_held, now));
  auto bad = fields();
  bad.principals = {"root"};
  EXPECT_FALSE(judge->judge(certificate(bad), keys_held, now));  // what is refused costs nothing
  EXPECT_TRUE(judge->judge(certificate(fields()), keys_held, now));
  const auto busy = judge->judge(certificate(fields()), keys_held, now);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind, FaultKind::busy);
}

TEST_F(Judging, CaNeedsATableForEachOfItsKeys) {
  const auto limits = Limits::parse("[[key]]\nuri = \"pkcs11:token=ca;object=another\"\nsigns = [\"krl\"]", "f");
  ASSERT_TRUE(limits);
  const auto made = CaJudge::make(*limits, configured);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().line().find("object=k"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::pkcs11
