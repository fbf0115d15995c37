// On both back ends: SQLite and a real PostgreSQL server.
#include "ca/ledger/ledger.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

#include "ca/ledger/database.h"
#include "tests/unit/ca/ledger/real_postgresql.h"
#include "tests/unit/ca/ledger/sample_rows.h"

namespace gatehouse::ca {
namespace {

using test::sample;

class OnBothBackends : public testing::TestWithParam<LedgerBackend> {
 public:
  static void TearDownTestSuite() {
    delete postgresql_;
    postgresql_ = nullptr;
  }

 protected:
  OnBothBackends() {
    settings_.backend = GetParam();
    settings_.node = "node-1";
    settings_.timeout = std::chrono::milliseconds(2000);
    if (GetParam() == LedgerBackend::sqlite) {
      settings_.path = folder_.path("with blank/ledger.db");
      std::filesystem::create_directory(folder_.path("with blank"));
    } else {
      if (postgresql_ == nullptr) {
        postgresql_ = new test::RealPostgresql;
        postgresql_->start();
      }
      settings_.connection = postgresql_->new_database();
    }
  }
  std::unique_ptr<Ledger> opened(const std::string& node = "node-1") {
    auto s = settings_;
    s.node = node;
    auto ledger = Ledger::open(s);
    EXPECT_TRUE(ledger) << ledger.error().line();
    return std::move(*ledger);
  }
  // Straight into the database, as somebody with its password could.
  void tamper(const std::string& sql) {
    auto database = Database::connect(settings_, false);
    database->begin();
    EXPECT_GT(database->run(sql), 0) << sql;
    database->commit();
  }

  static test::RealPostgresql* postgresql_;
  test::TemporaryFolder folder_;
  LedgerSettings settings_;
};
test::RealPostgresql* OnBothBackends::postgresql_ = nullptr;

INSTANTIATE_TEST_SUITE_P(Backends, OnBothBackends, testing::Values(LedgerBackend::sqlite, LedgerBackend::postgresql),
                         [](const auto& backend) { return backend.param == LedgerBackend::sqlite ? "SQLite" : "PostgreSQL"; });

template <class T>
std::string fault(const LedgerResult<T>& result) {
  return result ? "done" : std::string(fault_name(result.error().fault)) + " " + result.error().text;
}
template <class T>
std::string fault_word(const LedgerResult<T>& result) {
  return result ? "done" : std::string(fault_name(result.error().fault));
}

TEST_P(OnBothBackends, WhatWasRecordedIsFoundToTheLastOctet) {
  auto ledger = opened();
  for (const std::uint64_t serial :
       {std::uint64_t{1}, std::uint64_t{0x7FFFFFFFFFFFFFFF}, std::uint64_t{0x8000000000000000}, ~std::uint64_t{0}}) {
    const auto row = sample(serial, std::to_string(serial));
    ASSERT_NE(std::find(row.issued.certificate.begin(), row.issued.certificate.end(), 0), row.issued.certificate.end()) << "no NUL to lose";
    ASSERT_EQ(fault(ledger->record(row.intent)), "done");
    ASSERT_EQ(fault(ledger->record(row.issued)), "done");
    const auto found = ledger->find_serial(serial);
    ASSERT_EQ(fault(found), "done");
    ASSERT_TRUE(*found) << serial;
    const Intent& intent = (*found)->intent;
    EXPECT_EQ(intent.fields.serial, serial);
    EXPECT_EQ(intent.request_id, row.intent.request_id);
    EXPECT_EQ(intent.fields.key_id, row.intent.fields.key_id);
    EXPECT_EQ(intent.fields.type, row.intent.fields.type);
    EXPECT_EQ(intent.fields.principals, row.intent.fields.principals);
    EXPECT_EQ(intent.fields.valid_after, row.intent.fields.valid_after);
    EXPECT_EQ(intent.fields.valid_before, row.intent.fields.valid_before);
    EXPECT_EQ(intent.fields.critical_options, row.intent.fields.critical_options);
    EXPECT_EQ(intent.fields.extensions, row.intent.fields.extensions);
    EXPECT_EQ(intent.to_be_signed_sha256, row.intent.to_be_signed_sha256);
    EXPECT_EQ(intent.ca_key, row.intent.ca_key);
    EXPECT_EQ(intent.subject_key, row.intent.subject_key);
    EXPECT_EQ(intent.nonce, row.intent.nonce);
    EXPECT_EQ(intent.session_id, row.intent.session_id);
    EXPECT_EQ(intent.session_start, row.intent.session_start);
    EXPECT_EQ(intent.session_end, row.intent.session_end);
    EXPECT_EQ(intent.proofs, row.intent.proofs);
    EXPECT_EQ(intent.role, row.intent.role);
    EXPECT_EQ(intent.policy_hash, row.intent.policy_hash);
    EXPECT_EQ(intent.reason, row.intent.reason);
    EXPECT_EQ(intent.requester_name, row.intent.requester_name);
    EXPECT_EQ(intent.requester_dn, row.intent.requester_dn);
    EXPECT_EQ(intent.requester_uuid, row.intent.requester_uuid);
    EXPECT_EQ(intent.source_address, row.intent.source_address);
    EXPECT_EQ(intent.time, row.intent.time);
    EXPECT_EQ((*found)->node, "node-1");
    ASSERT_TRUE((*found)->issued);
    EXPECT_EQ((*found)->issued->certificate, row.issued.certificate);
    EXPECT_EQ((*found)->issued->time, row.issued.time);
    EXPECT_FALSE((*found)->failed);
  }
  EXPECT_FALSE(*ledger->find_serial(2));
  EXPECT_FALSE(*ledger->find_request("nonesuch"));
  EXPECT_TRUE(*ledger->find_request("request-1"));
  EXPECT_EQ(ledger->health().rows, 8u);
}

TEST_P(OnBothBackends, WhatWasRecordedIsThereAfterARestart) {
  const auto row = sample(7, "7");
  {
    auto ledger = opened();
    ASSERT_EQ(fault(ledger->record(row.intent)), "done");
  }
  auto ledger = opened();
  EXPECT_EQ(fault(ledger->record(row.issued)), "done");
  EXPECT_TRUE((*ledger->find_serial(7))->issued);
  EXPECT_TRUE(ledger->verify()->breaks.empty());
  EXPECT_EQ(ledger->verify()->rows, 2u);
}

TEST_P(OnBothBackends, NonceSerialAndRequestIdServeOnce) {
  auto ledger = opened();
  ASSERT_EQ(fault(ledger->record(sample(1, "1").intent)), "done");
  auto same_nonce = sample(2, "2").intent;
  same_nonce.nonce = "nonce-1";
  EXPECT_EQ(fault_word(ledger->record(same_nonce)), "nonce_used");
  auto same_serial = sample(1, "3").intent;
  EXPECT_EQ(fault_word(ledger->record(same_serial)), "serial_taken");
  auto same_request = sample(4, "4").intent;
  same_request.request_id = "request-1";
  EXPECT_EQ(fault_word(ledger->record(same_request)), "request_id_taken");
  auto revocation = test::revocation(1);
  revocation.nonce = "nonce-1";
  EXPECT_EQ(fault_word(ledger->record(revocation)), "nonce_used");
  revocation.nonce = "nonce-of-a-revocation";
  EXPECT_EQ(fault_word(ledger->record(revocation)), "done");
  EXPECT_EQ(fault_word(ledger->record(revocation)), "nonce_used");
  auto crossed = sample(5, "5").intent;
  crossed.nonce = "nonce-of-a-revocation";
  EXPECT_EQ(fault_word(ledger->record(crossed)), "nonce_used");
  // What was refused left no gap.
  EXPECT_EQ(ledger->health().rows, 2u);
  EXPECT_TRUE(ledger->verify()->breaks.empty());
}

TEST_P(OnBothBackends, AnIntentBecomesOneThingOnce) {
  auto ledger = opened();
  const auto one = sample(1, "1");
  const auto two = sample(2, "2");
  EXPECT_EQ(fault_word(ledger->record(one.issued)), "unknown_request");
  ASSERT_EQ(fault(ledger->record(one.intent)), "done");
  ASSERT_EQ(fault(ledger->record(two.intent)), "done");
  auto crossed = one.issued;
  crossed.request_id = two.intent.request_id;
  EXPECT_EQ(fault_word(ledger->record(crossed)), "bad_row");  // another certificate than was announced
  EXPECT_EQ(fault_word(ledger->record(one.issued)), "done");
  EXPECT_EQ(fault_word(ledger->record(one.issued)), "unknown_request");
  EXPECT_EQ(fault_word(ledger->record(Failed{"request-1", "late", {}})), "unknown_request");
  EXPECT_EQ(fault_word(ledger->record(Failed{"request-2", "token gone", {}})), "done");
  EXPECT_EQ(fault_word(ledger->record(two.issued)), "unknown_request");
  EXPECT_EQ((*ledger->find_serial(2))->failed->reason, "token gone");
}

TEST_P(OnBothBackends, TextsThatADatabaseWouldCutOrRefuseAreOurCallersMistake) {
  auto ledger = opened();
  const auto refused = [&](const std::function<void(Intent&)>& change) {
    auto intent = sample(1, "1").intent;
    change(intent);
    return fault_word(ledger->record(intent));
  };
  EXPECT_EQ(refused([](Intent& i) { i.fields.serial = 0; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.reason = std::string("a\0b", 3); }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.reason = "\xff"; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.reason = "\xc0\xaf"; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.reason = "\xed\xa0\x80"; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.fields.principals = {std::string("a\0b", 3)}; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.fields.extensions = {{"x", "\xff", true}}; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.fields.valid_before = keys::forever; }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.to_be_signed_sha256.pop_back(); }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.nonce.clear(); }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.reason = std::string(300 * 1024, 'a'); }), "bad_row");
  EXPECT_EQ(refused([](Intent& i) { i.reason = "\xf0\x9f\x94\x91 \xc3\xa4 \x01"; }), "done");
  EXPECT_EQ((*ledger->find_serial(1))->intent.reason, "\xf0\x9f\x94\x91 \xc3\xa4 \x01");
  EXPECT_EQ(fault_word(ledger->record(test::revocation(0))), "bad_row");
}

TEST_P(OnBothBackends, SearchesGiveTheNewestFirstAndTheLiveOnes) {
  auto ledger = opened();
  for (int i = 1; i <= 5; ++i) {
    auto row = sample(static_cast<std::uint64_t>(i), std::to_string(i), i == 3 ? "bob" : "alice");
    row.intent.time += std::chrono::milliseconds(i);
    ASSERT_EQ(fault(ledger->record(row.intent)), "done");
    if (i != 4) {
      ASSERT_EQ(fault(ledger->record(row.issued)), "done");
    }
  }
  const auto serials = [](const LedgerResult<std::vector<LedgerRecord>>& records) {
    std::vector<std::uint64_t> out;
    for (const auto& record : *records) out.push_back(record.intent.fields.serial);
    return out;
  };
  EXPECT_EQ(serials(ledger->find_requester("alice", 3)), (std::vector<std::uint64_t>{5, 4, 2}));
  EXPECT_EQ(serials(ledger->find_requester("ALICE", 3)), std::vector<std::uint64_t>{});
  EXPECT_EQ(serials(ledger->find_requester("alice' OR '1'='1", 3)), std::vector<std::uint64_t>{});
  const std::chrono::sys_seconds end(std::chrono::seconds(1768482000));
  EXPECT_EQ(serials(ledger->live_certificates(end - std::chrono::seconds(1), 100)), (std::vector<std::uint64_t>{1, 2, 3, 5}));
  EXPECT_EQ(serials(ledger->live_certificates(end - std::chrono::seconds(1), 2)), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(serials(ledger->live_certificates(end, 100)), std::vector<std::uint64_t>{});
}

TEST_P(OnBothBackends, AKrlVersionIsTheTimeAndAlwaysGrows) {
  auto ledger = opened();
  const auto now = [] {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  };
  const auto before = now();
  ASSERT_EQ(fault(ledger->record(sample(1, "1").intent)), "done");
  std::uint64_t last = *ledger->krl_version();
  EXPECT_GE(last + 60'000, before);
  EXPECT_TRUE(ledger->revocations(last)->empty());
  std::vector<std::uint64_t> versions;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const auto version = ledger->record(test::revocation(i));
    ASSERT_EQ(fault(version), "done");
    EXPECT_GT(*version, last);
    EXPECT_GE(*version, before);
    EXPECT_EQ(*ledger->krl_version(), *version);
    last = *version;
    versions.push_back(last);
  }
  EXPECT_EQ(ledger->revocations(versions[9])->size(), 10u);
  EXPECT_EQ(ledger->revocations(last)->size(), 20u);
  const auto first = ledger->revocations(last)->front();
  EXPECT_EQ(first.serial, 1u);
  EXPECT_EQ(first.ca_key, test::revocation(1).ca_key);
  EXPECT_EQ(first.reason, "key lost");
  EXPECT_EQ(first.krl_version, versions[0]);
  // A clock that went back.
  tamper("UPDATE krl_state SET version = 9000000000000000 WHERE id = 1");
  EXPECT_EQ(*ledger->record(test::revocation(21)), 9000000000000001u);
}

TEST_P(OnBothBackends, RevocationsOfAllKindsComeBackWhole) {
  auto ledger = opened();
  RevocationRow by_id;
  by_id.kind = RevocationKind::key_id;
  by_id.key_id = "user=alice req=1";
  by_id.until = std::chrono::sys_seconds(std::chrono::seconds(1800000000));
  RevocationRow by_key;
  by_key.kind = RevocationKind::key;
  by_key.key = to_vector(test::subject_key().blob());
  ASSERT_EQ(fault(ledger->record(by_id)), "done");
  ASSERT_EQ(fault(ledger->record(by_key)), "done");
  const auto rows = *ledger->revocations(~std::uint64_t{0});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].kind, RevocationKind::key_id);
  EXPECT_EQ(rows[0].key_id, by_id.key_id);
  EXPECT_EQ(rows[0].until, by_id.until);
  EXPECT_EQ(rows[1].kind, RevocationKind::key);
  EXPECT_EQ(rows[1].key, by_key.key);
  EXPECT_FALSE(rows[1].until);
}

TEST_P(OnBothBackends, ManyCallersAtOnceMakeOneUnbrokenChain) {
  auto ledger = opened();
  constexpr int threads = 16;
  constexpr int each = 20;
  std::vector<test::Sample> prepared;
  for (int i = 0; i < threads * each; ++i) prepared.push_back(sample(static_cast<std::uint64_t>(i) + 1, std::to_string(i)));
  std::vector<std::thread> running;
  std::atomic<int> good = 0;
  std::atomic<int> used = 0;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const auto& row = prepared[static_cast<std::size_t>(t * each + i)];
        auto shared_nonce = row.intent;  // every thread tries each of these, too
        shared_nonce.nonce = "shared-" + std::to_string(i);
        shared_nonce.request_id = "shared-" + std::to_string(t) + "-" + std::to_string(i);
        shared_nonce.fields.serial += 1'000'000;
        if (const auto answer = ledger->record(shared_nonce); !answer && answer.error().fault == LedgerFault::nonce_used) ++used;
        if (ledger->record(row.intent) && ledger->record(row.issued)) ++good;
      }
    });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(good, threads * each);
  EXPECT_EQ(used, (threads - 1) * each);
  const auto report = ledger->verify();
  ASSERT_EQ(fault(report), "done");
  EXPECT_TRUE(report->breaks.empty());
  EXPECT_EQ(report->rows, static_cast<std::uint64_t>(2 * threads * each + each));
}

TEST_P(OnBothBackends, TwoNodesWriteChainsOfTheirOwn) {
  auto one = opened("node-1");
  auto two = opened("node-2");
  std::vector<std::thread> running;
  std::atomic<int> good = 0;
  for (auto* ledger : {one.get(), two.get()}) {
    running.emplace_back([&, ledger] {
      for (int i = 0; i < 20; ++i) {
        // The same nonces in the same moments: each serves one of the two.
        auto row = sample((ledger == one.get() ? 1'000u : 2'000u) + static_cast<unsigned>(i), std::to_string(i)).intent;
        row.request_id += ledger == one.get() ? "-one" : "-two";
        const auto answer = ledger->record(row);
        if (answer) ++good;
        if (!answer) {
          EXPECT_EQ(fault_word(answer), "nonce_used") << answer.error().text;
        }
        EXPECT_EQ(fault(ledger->record(test::revocation(row.fields.serial))), "done");
      }
    });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(good, 20);
  const auto report = one->verify();
  ASSERT_EQ(fault(report), "done");
  EXPECT_TRUE(report->breaks.empty());
  EXPECT_EQ(report->rows, 60u);
  EXPECT_EQ(report->nodes.size(), 2u);
  EXPECT_EQ(one->revocations(*two->krl_version())->size(), 40u);
}

TEST_P(OnBothBackends, ASignatureWithoutARowIsFound) {
  auto ledger = opened();
  const auto row = sample(1, "1");
  ASSERT_EQ(fault(ledger->record(row.intent)), "done");
  const std::string stranger(64, 'f');
  EXPECT_EQ(*ledger->unrecorded({hex(row.intent.to_be_signed_sha256), stranger}), std::vector<std::string>{stranger});
}

struct Tampering {
  std::string name, sql;
  std::uint64_t sequence;
  std::string says;
};
class Tampered : public OnBothBackends {};
INSTANTIATE_TEST_SUITE_P(Backends, Tampered, testing::Values(LedgerBackend::sqlite, LedgerBackend::postgresql),
                         [](const auto& backend) { return backend.param == LedgerBackend::sqlite ? "SQLite" : "PostgreSQL"; });

TEST_P(Tampered, TheChainBreaksWhereItWasTouched) {
  // Rows: 1 intent, 2 issued, 3 intent, 4 failed, 5 revocation, 6 intent.
  const std::vector<Tampering> all{
      {"a changed text", "UPDATE intents SET principals = '[\"root\"]' WHERE sequence = 1", 1, "not what was written"},
      {"a changed number", "UPDATE intents SET valid_before = valid_before + 1 WHERE sequence = 3", 3, "not what was written"},
      {"a changed time of issue", "UPDATE issued SET time = time + 1 WHERE sequence = 2", 2, "not what was written"},
      {"a row less", "DELETE FROM revocations WHERE sequence = 5", 5, "missing"},
      {"a tail cut", "DELETE FROM intents WHERE sequence = 6", 6, "missing"},
      {"a tail cut with its end", "UPDATE chain_tails SET sequence = 5", 5, "not the one"},
      {"a row that moved to another node", "UPDATE intents SET node = 'node-9' WHERE sequence = 6", 6, "missing"},
      {"a hash made to fit", "UPDATE failures SET row_hash = '" + std::string(64, '0') + "' WHERE sequence = 4", 4, "not what was written"},
      {"two of a number", "UPDATE revocations SET sequence = 4 WHERE sequence = 5", 4, "two rows"},
      {"an end that is not", "UPDATE chain_tails SET row_hash = '" + std::string(64, '1') + "'", 6, "not the one"},
  };
  for (const auto& example : all) {
    if (GetParam() == LedgerBackend::sqlite) {
      settings_.path = folder_.path(std::to_string(&example - all.data()) + ".db");
    } else {
      settings_.connection = postgresql_->new_database();
    }
    auto ledger = opened();
    const auto one = sample(1, "1");
    ASSERT_EQ(fault(ledger->record(one.intent)), "done");
    ASSERT_EQ(fault(ledger->record(one.issued)), "done");
    ASSERT_EQ(fault(ledger->record(sample(2, "2").intent)), "done");
    ASSERT_EQ(fault(ledger->record(Failed{"request-2", "token gone", {}})), "done");
    ASSERT_EQ(fault(ledger->record(test::revocation(1))), "done");
    ASSERT_EQ(fault(ledger->record(sample(3, "3").intent)), "done");
    ASSERT_TRUE(ledger->verify()->breaks.empty());
    tamper(example.sql);
    const auto report = ledger->verify();
    ASSERT_EQ(fault(report), "done") << example.name;
    ASSERT_FALSE(report->breaks.empty()) << example.name;
    const auto& found = *std::find_if(report->breaks.begin(), report->breaks.end(), [](const ChainBreak& b) { return b.node == "node-1"; });
    EXPECT_EQ(found.sequence, example.sequence) << example.name;
    EXPECT_NE(found.what.find(example.says), std::string::npos) << example.name << ": " << found.what;
  }
}

TEST_P(OnBothBackends, ALongChainIsWalkedToItsEnd) {
  auto ledger = opened();
  std::vector<std::thread> running;
  for (unsigned t = 0; t < 8; ++t) {
    running.emplace_back([&, t] {
      for (unsigned i = 0; i < 150; ++i) EXPECT_TRUE(ledger->record(test::revocation(t * 1000 + i + 1)));
    });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(ledger->verify()->rows, 1200u);
  tamper("UPDATE revocations SET reason = 'other' WHERE sequence = 1100");
  const auto report = *ledger->verify();
  ASSERT_EQ(report.breaks.size(), 1u);
  EXPECT_EQ(report.breaks[0].sequence, 1100u);
  EXPECT_EQ(report.rows, 1099u);
}

TEST_P(OnBothBackends, ASchemaOfANewerProgramIsLeftAlone) {
  { ASSERT_EQ(fault(opened()->record(sample(1, "1").intent)), "done"); }
  tamper("UPDATE gatehouse_schema SET version = 2");
  auto ledger = opened();
  const auto refused = ledger->record(sample(2, "2").intent);
  EXPECT_EQ(fault_word(refused), "ledger_unavailable");
  EXPECT_NE(refused.error().text.find("version 2"), std::string::npos) << refused.error().text;
  EXPECT_FALSE(ledger->health().writable);
}

TEST_P(OnBothBackends, ALockThatSomebodyHoldsEndsInTimeAndPasses) {
  settings_.timeout = std::chrono::milliseconds(300);
  auto ledger = opened();
  ASSERT_EQ(fault(ledger->record(sample(1, "1").intent)), "done");
  auto patient = settings_;
  patient.timeout = std::chrono::seconds(30);
  auto other = Database::connect(patient, false);
  other->begin();
  other->run("UPDATE chain_tails SET sequence = sequence");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(fault_word(ledger->record(sample(2, "2").intent)), "ledger_unavailable");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1500));
  EXPECT_FALSE(ledger->health().writable);
  EXPECT_EQ(fault(ledger->find_serial(1)), "done");  // reading goes on
  other->rollback();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  EXPECT_EQ(fault(ledger->record(sample(2, "2").intent)), "done");
  EXPECT_TRUE(ledger->health().writable);
  EXPECT_TRUE(ledger->verify()->breaks.empty());
}

TEST(LedgerOnPostgresql, AServerThatGoesAndComesBackNeedsNoRestartOfOurs) {
  test::RealPostgresql server;
  LedgerSettings settings;
  settings.backend = LedgerBackend::postgresql;
  settings.node = "n";
  settings.timeout = std::chrono::milliseconds(2000);
  settings.connection = "host=/nonexistent dbname=x";
  auto never = Ledger::open(settings);
  ASSERT_TRUE(never);
  EXPECT_EQ(fault_word((*never)->krl_version()), "ledger_unavailable");
  server.start();
  settings.connection = server.new_database();
  auto ledger = std::move(*Ledger::open(settings));
  ASSERT_EQ(fault(ledger->record(sample(1, "1").intent)), "done");
  ASSERT_EQ(fault(ledger->find_serial(1)), "done");
  server.stop();
  EXPECT_EQ(fault_word(ledger->record(sample(2, "2").intent)), "ledger_unavailable");
  EXPECT_EQ(fault_word(ledger->find_serial(1)), "ledger_unavailable");
  EXPECT_FALSE(ledger->health().writable);
  server.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  EXPECT_EQ(fault(ledger->record(sample(2, "2").intent)), "done");
  EXPECT_EQ(fault(ledger->find_serial(2)), "done");
  EXPECT_TRUE(ledger->health().writable);
  EXPECT_TRUE(ledger->verify()->breaks.empty());
}

TEST(LedgerOnPostgresql, AServerThatIsRestartedBetweenTwoRowsIsFoundAgainAtOnce) {
  test::RealPostgresql server;
  server.start();
  LedgerSettings settings;
  settings.backend = LedgerBackend::postgresql;
  settings.node = "n";
  settings.connection = server.new_database();
  auto ledger = std::move(*Ledger::open(settings));
  ASSERT_EQ(fault(ledger->record(sample(1, "1").intent)), "done");
  ASSERT_EQ(fault(ledger->find_serial(1)), "done");
  server.stop();
  server.start();
  EXPECT_EQ(fault(ledger->find_serial(1)), "done");
  EXPECT_EQ(fault(ledger->record(sample(2, "2").intent)), "done");
}

TEST(LedgerSettings, ThatCannotBeRightAreNamed) {
  const auto says = [](const std::function<void(LedgerSettings&)>& change) {
    LedgerSettings settings;
    settings.path = "/tmp/x";
    settings.node = "n";
    change(settings);
    const auto opened = Ledger::open(settings);
    return opened ? std::string("opened") : opened.error().where;
  };
  EXPECT_EQ(says([](auto& s) { s.path.clear(); }), "[ledger] path");
  EXPECT_EQ(says([](auto& s) { s.path = "/tmp/a\"b"; }), "[ledger] path");
  EXPECT_EQ(says([](auto& s) { s.node.clear(); }), "[ledger] node");
  EXPECT_EQ(says([](auto& s) { s.node = "a b"; }), "[ledger] node");
  EXPECT_EQ(says([](auto& s) { s.backend = LedgerBackend::postgresql; }), "[ledger] connection");
  EXPECT_EQ(says([](auto& s) {
              s.backend = LedgerBackend::postgresql;
              s.connection = "postgresql://db/x";
            }),
            "[ledger] connection");
  EXPECT_EQ(says([](auto& s) { s.timeout = std::chrono::milliseconds(1); }), "[ledger] timeout");
}

}  // namespace
}  // namespace gatehouse::ca
