"""Who must not get in does not: the audit line names the reason, the peer learns nothing but that he may not."""
import subprocess
from pathlib import Path

from integration.bed import AS_ROOT, BedTest, Refused, client_environment, main, wait_for


class Refusals(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A CA whose key is a file, so that the tests can sign what our own CA never would; the server trusts it.
        cls.ca_key = cls.bed.new_key("trusted-ca")
        cls.bed.trust(f"{cls.ca_key}.pub")
        cls.other_ca = cls.bed.new_key("other-ca")
        cls.names = 0

    def key(self):
        Refusals.names += 1
        return self.bed.new_key(f"key-{Refusals.names}")

    def certified(self, ca=None, principals=None, **how):
        key = self.key()
        self.bed.certificate(ca or self.ca_key, key, [self.bed.person] if principals is None else principals, **how)
        return key

    def assert_refused(self, reason, key, **ssh):
        before = len(self.bed.audit())
        done = self.bed.ssh("echo", "in", key=key, **ssh)
        self.assertEqual((done.returncode, done.stdout), (255, ""))
        self.assertEqual(done.stderr.strip().splitlines()[-1], f"{ssh.get('user') or self.bed.person}@127.0.0.1: Permission denied (publickey).")
        line = self.bed.wait_audit("refusal", after=before, reason=reason)
        self.assertFalse([line for line in self.bed.audit()[before:] if line["event"] == "login"])
        return line

    def test_the_same_certificate_without_a_defect_gets_in(self):
        done = self.bed.ssh("echo in", key=self.certified())
        self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def test_no_certificate(self):
        self.assert_refused("no_certificate", self.key())

    def test_certificate_of_another_ca(self):
        line = self.assert_refused("untrusted_ca", self.certified(ca=self.other_ca))
        self.assertEqual((line["user"], line["address"]), (self.bed.person, "127.0.0.1"))

    def test_expired(self):
        line = self.assert_refused("expired", self.certified(validity="-2h:-1h", serial=4711))
        self.assertEqual((line["serial"], line["key_id"]), ("4711", "test"))

    def test_not_yet_valid(self):
        self.assert_refused("not_yet_valid", self.certified(validity="+1h:+2h"))

    def test_no_principals(self):
        self.assert_refused("no_principals", self.certified(principals=[]))

    def test_longer_than_the_maximum_lifetime(self):
        self.assert_refused("lifetime_exceeds_maximum", self.certified(validity="-1m:+25h"))

    def test_for_ever(self):
        self.assert_refused("lifetime_exceeds_maximum", self.certified(validity="always:forever"))

    def test_host_certificate_used_as_user_certificate(self):
        # Stock ssh does not offer such a file; what an agent holds it offers as it is.
        key = self.certified(host=True)
        socket = self.bed.folder / "agent.sock"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.terminate)
        wait_for(socket.exists, what="the agent")
        subprocess.run(["ssh-add", "-q", key], env={**client_environment(), "SSH_AUTH_SOCK": str(socket)}, check=True, stderr=subprocess.DEVNULL)
        key.unlink()
        self.assert_refused("not_a_user_certificate", key, options=[f"IdentityAgent={socket}", "IdentitiesOnly=no"])

    def test_unknown_critical_option(self):
        self.assert_refused("unknown_critical_option", self.certified(options=["critical:answer@gatehouse.test=42"]))

    def test_wrong_source_address(self):
        self.assert_refused("source_address", self.certified(options=["source-address=192.0.2.0/24"]))

    def test_right_source_address_gets_in(self):
        done = self.bed.ssh("echo in", key=self.certified(options=["source-address=192.0.2.0/24,127.0.0.0/8"]))
        self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def test_wrong_principal(self):
        self.assert_refused("principal_mismatch", self.certified(principals=["somebody-else"]))

    def test_another_users_name(self):
        self.assert_refused("principal_mismatch", self.certified(), user="root")

    def test_a_user_who_does_not_exist_is_told_nothing_else(self):
        key = self.certified(principals=["nobody-here"])
        done = self.bed.ssh("true", key=key, user="nobody-here")
        self.assertEqual(done.stderr.strip().splitlines()[-1], "nobody-here@127.0.0.1: Permission denied (publickey).")

    def test_force_command_is_what_runs(self):
        done = self.bed.ssh("echo asked", key=self.certified(options=["force-command=echo forced $SSH_ORIGINAL_COMMAND"]))
        self.assertEqual((done.returncode, done.stdout), (0, "forced echo asked\n"), done.stderr)

    def test_without_permit_pty_there_is_no_terminal(self):
        key = self.certified(options=["no-pty"])
        done = self.bed.ssh("tty", key=key, flags=["-tt"])
        self.assertIn("PTY allocation request failed", done.stderr)

    def test_a_certificate_from_the_ca_gets_in_until_it_is_revoked(self):
        answer = self.bed.login()
        self.assertEqual(self.bed.ssh("true").returncode, 0)
        self.bed.ca.revoke("hostmaster", "hostmaster-password", serials=[answer["serial"]], reason="lost laptop")
        from lab import up
        up.fetch_krl(self.bed.layout)
        before = len(self.bed.audit())
        done = self.bed.ssh("true")
        self.assertEqual(done.returncode, 255)
        self.assertEqual(self.bed.wait_audit("refusal", after=before)["reason"], "revoked")
        # A new one gets in again.
        self.bed.login()
        self.assertEqual(self.bed.ssh("true").returncode, 0)

    def test_no_login_without_the_revocation_list(self):
        self.bed.login()
        krl = Path(self.bed.variables["GH_KRL"])
        aside = krl.with_name("krl.aside")
        krl.rename(aside)
        try:
            before = len(self.bed.audit())
            self.assertEqual(self.bed.ssh("true").returncode, 255)
            self.assertEqual(self.bed.wait_audit("refusal", after=before)["reason"], "krl_unavailable")
        finally:
            aside.rename(krl)
        self.assertEqual(self.bed.ssh("true").returncode, 0)

    def test_nobody_is_root_by_default(self):
        key = self.certified(principals=["root"])
        done = self.bed.ssh("true", key=key, user="root")
        self.assertEqual(done.returncode, 255)


class RefusalsAtTheCa(BedTest):
    """No certificate for who is not entitled; the problem document says as much as the asker may know."""

    def refusal(self, user, password, **members):
        key = self.bed.path("users", user, "id_ed25519")
        if not key.exists():
            key.parent.mkdir(exist_ok=True)
            from lab import up
            up.new_key(key, user)
        with self.assertRaises(Refused) as caught:
            self.bed.ca.user_certificate(key, user, password=password, **members)
        return caught.exception.status, caught.exception.word

    def test_bob_is_in_no_allowed_group(self):
        self.assertEqual(self.refusal("bob", "bob-password"), (403, "not-authorized"))

    def test_carol_is_locked_and_learns_no_more_than_a_stranger(self):
        self.assertEqual(self.refusal("carol", "carol-password"), self.refusal("carol", "not-her-password"))
        self.assertEqual(self.refusal("carol", "carol-password"), self.refusal("nobody-here", "anything"))
        self.assertEqual(self.refusal("carol", "carol-password"), (401, "invalid-credentials"))

    def test_wrong_and_empty_passwords(self):
        self.assertEqual(self.refusal("alice", "wrong"), (401, "invalid-credentials"))
        self.assertEqual(self.refusal("alice", "")[0] // 100, 4)

    def test_names_with_filter_characters(self):
        for name in ("*", "a*", "alice)(uid=*", "alice ", "\\2a", "alice,ou=people"):
            with self.subTest(name=name):
                with self.assertRaises(Refused) as caught:
                    key = self.bed.new_key(f"odd-{abs(hash(name))}")
                    self.bed.ca.user_certificate(key, name, password="alice-password")
                self.assertEqual(caught.exception.status // 100, 4)

    def test_a_role_that_is_not_hers(self):
        self.assertEqual(self.refusal("alice", "alice-password", role="service"), (403, "not-authorized"))

    def test_the_nested_group_gives_alice_the_operator_role(self):
        answer = self.bed.login("alice", role="operator")
        self.assertIn("operator", answer["principals"])

    def test_a_service_account_by_its_enrolled_key(self):
        answer = self.bed.login("svc-backup")
        self.assertEqual(answer["principals"], ["svc-backup"])
        if AS_ROOT:
            self.assertEqual(self.bed.ssh("id -un", user="svc-backup").stdout, "svc-backup\n")

    def test_a_service_account_by_another_key_is_refused(self):
        folder = self.bed.path("users", "svc-backup")
        other = self.bed.new_key("not-enrolled")
        subject = self.bed.new_key("svc-subject")
        self.assertTrue(folder.exists())
        with self.assertRaises(Refused) as caught:
            self.bed.ca.user_certificate(subject, "svc-backup", identity_key=other)
        self.assertEqual((caught.exception.status, caught.exception.word), (401, "invalid-credentials"))

    def test_possession_by_another_key_is_refused(self):
        key, other = self.bed.new_key("subject"), self.bed.new_key("other")
        with self.assertRaises(Refused) as caught:
            self.bed.ca.user_certificate(key, "alice", password="alice-password", possession_key=other)
        self.assertEqual((caught.exception.status, caught.exception.word), (403, "possession-not-proven"))


if __name__ == "__main__":
    main()
