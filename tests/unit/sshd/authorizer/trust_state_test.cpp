#include "sshd/authorizer/trust_state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certificates.h"
#include "files.h"

namespace gatehouse::sshd {
namespace {

using test::ca;
using test::Folder;
using test::now;
using test::other_ca;
using test::person;

std::string line(const keys::PrivateKey& key) { return key.public_key().line("comment") + "\n"; }

ByteVector krl(std::uint64_t version, std::uint64_t date = now, std::uint64_t serial = 0) {
  keys::Krl out;
  out.version = version;
  out.date = date;
  if (serial != 0) out.revoke_serials({}, serial, serial);
  return out.write();
}

class TrustFilesOnDisk : public Folder {
 protected:
  Settings settings(const std::string& more = "") const {
    return test::settings("TrustedUserCAKeys " + path("ca.pub") + "\nRevokedKeys " + path("krl") + "\n" + more);
  }
  TrustState state_;
};

TEST(CaKeyFile, IsOneKeyALine) {
  const auto file = parse_ca_key_file(as_bytes("# ours\n\n  " + line(ca()) + line(other_ca()) + line(ca())), "/ca");
  ASSERT_TRUE(file) << file.error().line();
  ASSERT_EQ(file->keys.size(), 2U);
  EXPECT_EQ(file->keys[0], ca().public_key());
}

TEST(CaKeyFile, RefusesWhatIsNotAKeyWithItsLine) {
  const std::string good = line(ca());
  for (const std::string& bad : {good + "ssh-ed25519 AAAA\n", good + good.substr(0, good.size() / 2), std::string("# nothing\n"),
                                 std::string(), "cert-authority " + good, std::string("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\n")}) {
    EXPECT_FALSE(parse_ca_key_file(as_bytes(bad), "/ca")) << bad;
  }
  const auto second = parse_ca_key_file(as_bytes(good + "banana\n"), "/ca");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().where, "/ca line 2");
  const auto parsed = keys::Certificate::parse(test::certificate(test::good_fields()));
  const auto nested = parse_ca_key_file(as_bytes(parsed->line() + "\n"), "/ca");
  ASSERT_FALSE(nested);
  EXPECT_NE(nested.error().what.find("a certificate is no CA key"), std::string::npos);
}

TEST(CaKeyFile, LeavesOutKindsThatNobodyHereTakes) {
  const auto file = parse_ca_key_file(as_bytes("sk-ssh-ed25519@openssh.com AAAA x\n" + line(ca())), "/ca");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->keys.size(), 1U);
  EXPECT_EQ(file->notes.size(), 1U);
}

TEST(RevokedKeysFile, IsAKrlOrAListOfKeys) {
  const auto binary = parse_revoked_keys(krl(5), "/krl");
  ASSERT_TRUE(binary);
  EXPECT_TRUE(binary->dated);
  EXPECT_EQ(binary->list.version, 5U);
  const auto certificate = keys::Certificate::parse(test::certificate(test::good_fields()));
  const auto text = parse_revoked_keys(as_bytes("# gone\n" + line(other_ca()) + certificate->line() + "\n"), "/krl");
  ASSERT_TRUE(text) << text.error().line();
  EXPECT_FALSE(text->dated);
  EXPECT_EQ(text->list.check(other_ca().public_key()), keys::Revocation::key);
  EXPECT_EQ(text->list.check(person().public_key()), keys::Revocation::key);
  EXPECT_EQ(text->list.check(ca().public_key()), keys::Revocation::none);
  EXPECT_TRUE(parse_revoked_keys(as_bytes("# nobody is revoked yet\n"), "/krl"));
  EXPECT_TRUE(parse_revoked_keys(krl(0), "/krl"));
  EXPECT_FALSE(parse_revoked_keys({}, "/krl")) << "what a full disk leaves says nothing about anybody";
}

TEST(RevokedKeysFile, RefusesEveryCutThatTheFormatCanShow) {
  const ByteVector whole = krl(5, now, 77);
  // A KRL does not say how many sections it has: without its last one it is a KRL (which is why files are renamed into place).
  const std::size_t without_sections = krl(5).size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parse_revoked_keys(Bytes(whole).first(size), "/krl").has_value(), size == without_sections) << size;
  }
  EXPECT_FALSE(parse_revoked_keys(as_bytes("banana\n"), "/krl"));
}

TEST_F(TrustFilesOnDisk, AreReadAndReadAgainWhenTheyChange) {
  put("ca.pub", line(ca()));
  put("krl", krl(1));
  Trust trust = state_.trust_for(settings(), now);
  EXPECT_FALSE(trust.trust_problem) << trust.trust_problem->line();
  EXPECT_FALSE(trust.krl_problem);
  ASSERT_EQ(trust.trusted.size(), 1U);
  ASSERT_EQ(trust.revoked.size(), 1U);
  EXPECT_EQ(trust.revoked[0]->list.version, 1U);

  put("ca.pub", line(other_ca()));
  put("krl", krl(2, now, 77));
  trust = state_.trust_for(settings(), now);
  ASSERT_EQ(trust.trusted.size(), 1U);
  EXPECT_EQ(trust.trusted[0], other_ca().public_key());
  EXPECT_EQ(trust.revoked[0]->list.version, 2U);
}

TEST_F(TrustFilesOnDisk, ChangesInPlaceOfEqualSizeAreSeen) {
  put("ca.pub", line(ca()));
  put("krl", krl(1));
  ASSERT_EQ(state_.trust_for(settings(), now).revoked[0]->list.version, 1U);
  // The same inode, the same size, within one tick of the clock.
  std::ofstream(path("krl"), std::ios::binary) << as_text(krl(2));
  EXPECT_EQ(state_.trust_for(settings(), now).revoked[0]->list.version, 2U);
}

TEST_F(TrustFilesOnDisk, AnUnchangedFileIsNotReadAgain) {
  put("ca.pub", line(ca()));
  put("krl", krl(1));
  ::usleep(150'000);  // older than a tick
  const auto first = state_.trust_for(settings(), now).revoked[0];
  EXPECT_EQ(state_.trust_for(settings(), now).revoked[0], first);
  EXPECT_TRUE(state_.revocations_changed({path("krl")})) << "since nothing was known";
  EXPECT_FALSE(state_.revocations_changed({path("krl")}));
  put("krl", krl(2));
  EXPECT_TRUE(state_.revocations_changed({path("krl")}));
}

TEST_F(TrustFilesOnDisk, ThatCannotBeUsedRefuseAndRecover) {
  put("ca.pub", line(ca()));
  EXPECT_TRUE(state_.trust_for(settings(), now).krl_problem) << "missing";
  for (const std::string bad : {"SSHKRL\n", "banana"}) {
    put("krl", bad);
    EXPECT_TRUE(state_.trust_for(settings(), now).krl_problem) << bad;
  }
  put("krl", krl(1));
  EXPECT_FALSE(state_.trust_for(settings(), now).krl_problem);
  std::filesystem::remove(path("krl"));
  EXPECT_TRUE(state_.trust_for(settings(), now).krl_problem) << "gone again";
  std::filesystem::create_directory(path("krl"));
  EXPECT_TRUE(state_.trust_for(settings(), now).krl_problem) << "a folder";
  std::filesystem::remove(path("krl"));
  ASSERT_EQ(::mkfifo(path("krl").c_str(), 0600), 0);
  EXPECT_TRUE(state_.trust_for(settings(), now).krl_problem) << "a pipe, without waiting for it";
  std::filesystem::remove(path("krl"));
  put("krl", krl(1));

  EXPECT_FALSE(state_.trust_for(settings(), now).trust_problem);
  put("ca.pub", "");
  EXPECT_TRUE(state_.trust_for(settings(), now).trust_problem);
  EXPECT_TRUE(state_.trust_for(settings(), now).trusted.empty()) << "no last good CA keys";
  std::filesystem::remove(path("ca.pub"));
  EXPECT_TRUE(state_.trust_for(settings(), now).trust_problem);
  put("ca.pub", line(ca()));
  EXPECT_FALSE(state_.trust_for(settings(), now).trust_problem);
}

TEST_F(TrustFilesOnDisk, AProblemIsToldOnce) {
  put("ca.pub", line(ca()));
  (void)state_.trust_for(settings(), now);
  const auto notes = state_.take_notes();
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_FALSE(notes[0].alarm) << "the CA key that is trusted";
  EXPECT_TRUE(notes[1].alarm) << "the KRL is missing";
  (void)state_.trust_for(settings(), now);
  EXPECT_TRUE(state_.take_notes().empty());
  put("krl", krl(1));
  (void)state_.trust_for(settings(), now);
  EXPECT_EQ(state_.take_notes(), (std::vector<TrustNote>{{false, "usable again: " + path("krl")}}));
}

TEST_F(TrustFilesOnDisk, ListsOfAnOlderVersionGiveNothingBack) {
  put("ca.pub", line(ca()));
  put("krl", krl(5, now, 77));
  (void)state_.trust_for(settings(), now);
  (void)state_.take_notes();
  for (const ByteVector& older : {krl(4), krl(3)}) {
    put("krl", older);
    const Trust trust = state_.trust_for(settings(), now);
    EXPECT_FALSE(trust.krl_problem);
    ASSERT_EQ(trust.revoked.size(), 2U);
    EXPECT_EQ(trust.revoked[1]->list.version, 5U);
    const auto notes = state_.take_notes();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_TRUE(notes[0].alarm);
    EXPECT_NE(notes[0].text.find("went back from version 5"), std::string::npos) << notes[0].text;
  }
  put("krl", krl(6));
  EXPECT_EQ(state_.trust_for(settings(), now).revoked.size(), 1U);
}

TEST_F(TrustFilesOnDisk, AKrlThatBecameSomethingElseRefuses) {
  put("ca.pub", line(ca()));
  put("krl", krl(5, now, 77));
  EXPECT_FALSE(state_.trust_for(settings(), now).krl_problem);
  for (const std::string& other : {std::string(), std::string("# nobody\n"), line(other_ca())}) {
    put("krl", other);
    const Trust trust = state_.trust_for(settings(), now);
    EXPECT_TRUE(trust.krl_problem) << '"' << other << '"';
    ASSERT_EQ(trust.revoked.size(), 1U) << "for the sessions that live";
    EXPECT_EQ(trust.revoked[0]->list.version, 5U);
  }
  put("krl", krl(6));
  EXPECT_FALSE(state_.trust_for(settings(), now).krl_problem);
}

TEST_F(TrustFilesOnDisk, AMissingListKeepsTheLastGoodOneForLiveSessions) {
  put("ca.pub", line(ca()));
  put("krl", krl(5, now, 77));
  (void)state_.trust_for(settings(), now);
  std::filesystem::remove(path("krl"));
  const Trust trust = state_.trust_for(settings(), now);
  EXPECT_TRUE(trust.krl_problem);
  EXPECT_EQ(trust.revoked.size(), 1U);
}

TEST_F(TrustFilesOnDisk, ListsGrowOldWithRevokedKeysMaxAge) {
  put("ca.pub", line(ca()));
  put("krl", krl(1, now - 3600));
  EXPECT_FALSE(state_.trust_for(settings(), now).krl_problem) << "no limit is set";
  EXPECT_FALSE(state_.trust_for(settings("RevokedKeysMaxAge 1h"), now).krl_problem) << "to the second";
  EXPECT_TRUE(state_.trust_for(settings("RevokedKeysMaxAge 1h"), now + 1).krl_problem);
  put("krl", krl(2, now + 3600));
  EXPECT_FALSE(state_.trust_for(settings("RevokedKeysMaxAge 1h"), now).krl_problem) << "another clock's hour";
  std::filesystem::remove(path("krl"));
  TrustState fresh;
  put("krl", line(other_ca()));
  EXPECT_FALSE(fresh.trust_for(settings(), now).krl_problem);
  EXPECT_TRUE(fresh.trust_for(settings("RevokedKeysMaxAge 1h"), now).krl_problem) << "a text list has no date";
}

TEST_F(TrustFilesOnDisk, OfSeveralNamesAllCount) {
  put("ca.pub", line(ca()));
  put("b.pub", line(other_ca()));
  put("krl", krl(1));
  const Settings both =
      test::settings("TrustedUserCAKeys " + path("ca.pub") + " " + path("b.pub") + "\nRevokedKeys " + path("krl") + " " + path("second"));
  EXPECT_EQ(state_.trust_for(both, now).trusted.size(), 2U);
  EXPECT_TRUE(state_.trust_for(both, now).krl_problem);
  put("second", krl(9));
  EXPECT_FALSE(state_.trust_for(both, now).krl_problem);
  EXPECT_EQ(state_.trust_for(both, now).revoked.size(), 2U);
  EXPECT_TRUE(state_.trust_for(test::settings(""), now).trusted.empty()) << "only what the settings name";
}

}  // namespace
}  // namespace gatehouse::sshd
