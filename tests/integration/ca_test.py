"""The certificate authority over its API: who gets what, what is refused and with which words, and what is published."""
import base64
import concurrent.futures
import json
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from integration.bed import ADMINISTRATOR, BedTest, Refused, main, password_of, wait_for
from lab import directory
from lab.ca_client import sshsig


def certificate_facts(line):
    with tempfile.NamedTemporaryFile("w", suffix="-cert.pub") as file:
        file.write(line + "\n")
        file.flush()
        return subprocess.run(["ssh-keygen", "-L", "-f", file.name], check=True, stdout=subprocess.PIPE, text=True).stdout


class Requests(BedTest):
    def setUp(self):
        self.ca = self.bed.ca
        self.key = self.bed.new_key(f"key-{self.id().rpartition('.')[2]}")
        self.person = self.bed.person

    def public_key(self, key=None):
        return " ".join(Path(f"{key or self.key}.pub").read_text().split()[:2])

    def octets(self, nonce=None, **members):
        fresh = self.ca.call("/v1/nonces")
        request = {"audience": fresh["audience"], "action": "user-certificate", "nonce": nonce or fresh["nonce"], "public_key": self.public_key()}
        request.update(members)
        return json.dumps({name: value for name, value in request.items() if value is not None}).encode()

    def post(self, octets, possession_key=None, name_space="gatehouse-possession", user=None, password=None, path="/v1/certificates/user", **body):
        sent = {"request": base64.b64encode(octets).decode()}
        if possession_key is not False:
            sent["possession"] = sshsig(possession_key or self.key, name_space, octets)
        sent.update(body)
        headers = {}
        if user is not False:
            name = user or self.person
            secret = password_of(name) if password is None else password
            headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
        return self.ca.call(path, sent, headers)

    def refused(self, word, call, *arguments, **named):
        with self.assertRaises(Refused) as no:
            call(*arguments, **named)
        self.assertEqual(no.exception.word, word, no.exception.document)
        return no.exception

    def audit(self):
        path = self.bed.path("ca", "audit.json")
        return [json.loads(line) for line in path.read_text().splitlines()]

    def audit_of(self, request_id):
        found = [line for line in self.audit() if line["request"] == request_id]
        self.assertEqual(len(found), 1, found)
        return found[0]


class Issuing(Requests):
    def test_certificate_says_what_the_policy_grants(self):
        answer = self.post(self.octets(reason="because"))
        facts = certificate_facts(answer["certificate"])
        self.assertIn("user certificate", facts)
        self.assertIn(f"Serial: {answer['serial']}", facts)
        self.assertEqual(answer["principals"], [self.person])
        self.assertIn(f"user={self.person} role={answer['role']} req={answer['request_id']} proof=password", facts)
        self.assertIn("permit-pty", facts)
        self.assertIn("session-end@gatehouse", facts)
        now = time.time()
        self.assertLessEqual(answer["valid_after"], now)
        self.assertAlmostEqual(answer["valid_before"], now + 3600, delta=60)
        self.assertAlmostEqual(answer["session_end"], now + 12 * 3600, delta=60)
        self.assertNotEqual(int(answer["serial"]), 0)
        line = self.audit_of(answer["request_id"])
        self.assertEqual((line["event"], line["user"], line["serial"], line["proof"]), ("certificate_issued", self.person, answer["serial"], "password"))

    def test_all_key_types_get_one(self):
        for kind, bits in (("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048), ("rsa", 3072)):
            with self.subTest(kind=kind, bits=bits):
                self.key = self.bed.new_key(f"kind-{kind}-{bits}", kind, bits)
                self.assertIn("user certificate", certificate_facts(self.post(self.octets())["certificate"]))

    def test_a_request_narrows(self):
        answer = self.post(self.octets(lifetime=300))
        self.assertAlmostEqual(answer["valid_before"], time.time() + 300, delta=30)
        self.refused("not-authorized", lambda: self.post(self.octets(lifetime=7 * 86400)))
        self.refused("not-authorized", lambda: self.post(self.octets(principals=["root"])))
        self.refused("not-authorized", lambda: self.post(self.octets(role="no-such-role")))

    def test_fifty_at_once_have_fifty_serials(self):
        with concurrent.futures.ThreadPoolExecutor(50) as many:
            answers = list(many.map(lambda _: self.post(self.octets()), range(50)))
        self.assertEqual(len({answer["serial"] for answer in answers}), 50)

    def test_a_service_account_shows_its_enrolled_key(self):
        enrolled = self.bed.layout.user_folder("svc-backup") / "enrolled_ed25519"
        octets = self.octets(account="svc-backup")
        identity = sshsig(enrolled, "gatehouse-identity", octets)
        answer = self.post(octets, user=False, identity=identity)
        self.assertEqual(answer["principals"], ["svc-backup"])
        self.assertIn("proof=enrolled-key", answer["key_id"])

    def test_an_enrolled_key_is_nobody_elses(self):
        enrolled = self.bed.layout.user_folder("svc-backup") / "enrolled_ed25519"
        octets = self.octets(account=self.person)
        self.refused("invalid-credentials", self.post, octets, user=False, identity=sshsig(enrolled, "gatehouse-identity", octets))
        octets = self.octets(account="svc-backup")
        self.refused("invalid-credentials", self.post, octets, user=False, identity=sshsig(self.key, "gatehouse-identity", octets))
        self.refused("invalid-credentials", self.post, octets, user=False, identity=sshsig(enrolled, "gatehouse-possession", octets))

    def test_a_host_certificate(self):
        octets = self.octets(action="host-certificate", principals=["web1.gatehouse.test"])
        answer = self.post(octets, name_space="gatehouse-host", user=ADMINISTRATOR, path="/v1/certificates/host")
        facts = certificate_facts(answer["certificate"])
        self.assertIn("host certificate", facts)
        self.assertIn("web1.gatehouse.test", facts)
        self.assertIn(f"by={ADMINISTRATOR}", facts)
        for names in (["web1.example.org"], ["*.gatehouse.test"], ["web1.gatehouse.test", "www.google.com"]):
            octets = self.octets(action="host-certificate", principals=names)
            self.refused("not-authorized", self.post, octets, name_space="gatehouse-host", user=ADMINISTRATOR, path="/v1/certificates/host")
        octets = self.octets(action="host-certificate", principals=["web1.gatehouse.test"])
        self.refused("not-authorized", self.post, octets, name_space="gatehouse-host", path="/v1/certificates/host")


class Refusals(Requests):
    def test_who_is_in_no_group_reads_why(self):
        no = self.refused("not-authorized", lambda: self.post(self.octets(), user="bob"))
        self.assertEqual(no.status, 403)
        self.assertIn("role", no.document["detail"])
        line = self.audit_of(no.document["request_id"])
        self.assertEqual((line["event"], line["reason"], line["claimed_user"]), ("certificate_refused", "no_role", "bob"))

    def test_all_wrong_credentials_are_one_answer(self):
        answers = []
        for user, password in ((self.person, "wrong"), ("nobody-of-that-name", "x"), ("carol", password_of("carol")), ("carol", "wrong"), ("*", "x"),
                               ("a)(uid=*", "x"), (self.person.upper() + " ", password_of(self.person))):
            no = self.refused("invalid-credentials", lambda: self.post(self.octets(), user=user, password=password))
            self.assertEqual(no.status, 401)
            answers.append({name: value for name, value in no.document.items() if name != "request_id"})
        self.assertEqual(len({json.dumps(answer, sort_keys=True) for answer in answers}), 1, answers)

    def test_the_audit_line_tells_them_apart(self):
        reasons = {}
        for user, password in ((self.person, "wrong"), ("nobody-of-that-name", "x"), ("carol", password_of("carol"))):
            no = self.refused("invalid-credentials", lambda: self.post(self.octets(), user=user, password=password))
            reasons[user] = self.audit_of(no.document["request_id"])["reason"]
        self.assertEqual(reasons, {self.person: "wrong_password", "nobody-of-that-name": "no_such_person", "carol": "account_locked"})

    def test_all_wrong_credentials_take_one_time(self):
        times = {}
        for user in (self.person, "nobody-of-that-name", "carol"):
            samples = []
            for _ in range(4):
                octets = self.octets()
                begun = time.monotonic()
                self.refused("invalid-credentials", self.post, octets, user=user, password="wrong")
                samples.append(time.monotonic() - begun)
            times[user] = statistics.median(samples)
        self.assertGreater(min(times.values()), 0.7)
        self.assertLess(max(times.values()) - min(times.values()), 0.1, times)

    def test_an_empty_password_never_reaches_the_directory(self):
        self.refused("malformed", lambda: self.post(self.octets(), password=""))

    def test_no_credentials(self):
        self.refused("invalid-credentials", lambda: self.post(self.octets(), user=False))

    def test_the_subject_key_must_have_signed(self):
        other = self.bed.new_key("other")
        self.refused("possession-not-proven", lambda: self.post(self.octets(), possession_key=other))
        self.refused("possession-not-proven", lambda: self.post(self.octets(), possession_key=False))
        self.refused("possession-not-proven", lambda: self.post(self.octets(), name_space="gatehouse-identity"))
        octets = self.octets()
        self.refused("possession-not-proven", lambda: self.post(octets, possession=sshsig(self.key, "gatehouse-possession", octets + b" ")))

    def test_a_nonce_is_used_once(self):
        octets = self.octets()
        self.post(octets)
        no = self.refused("bad-nonce", self.post, octets)
        self.assertEqual(self.audit_of(no.document["request_id"])["reason"], "nonce_used")
        again = json.loads(octets)["nonce"]
        self.refused("bad-nonce", lambda: self.post(self.octets(nonce=again, lifetime=60)))
        self.refused("bad-nonce", lambda: self.post(self.octets(nonce="made-up")))

    def test_a_request_for_another_ca(self):
        self.refused("wrong-audience", lambda: self.post(self.octets(audience="another")))

    def test_unknown_and_duplicate_members(self):
        self.refused("malformed", lambda: self.post(self.octets(extensions={"permit-pty": ""})))
        octets = self.octets()
        twice = octets.replace(b'"action":', b'"action": "revoke", "action":')
        self.refused("malformed", self.post, twice)
        self.refused("malformed", lambda: self.post(self.octets(), otp="123456"))

    def test_small_rsa_keys(self):
        self.key = self.bed.new_key("small", "rsa", 1024)
        self.refused("unsupported-key", lambda: self.post(self.octets()))

    def test_a_channel_of_another_connection(self):
        self.refused("malformed", lambda: self.post(self.octets(channel=base64.b64encode(bytes(32)).decode())))


class RenewalRequests(Requests):
    def renew(self, octets, key=None, certificate=None):
        """Signs identity with the current certificate: its blob goes in where ssh-keygen puts the plain key."""
        return self.post(octets, user=False, possession_key=key, identity=self.certificate_sshsig(octets, key or self.key, certificate))

    def certificate_sshsig(self, octets, key, certificate):
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(self.bed.folder / f"agent-{key.name}")], stdout=subprocess.DEVNULL)
        try:
            environment = {"SSH_AUTH_SOCK": str(self.bed.folder / f"agent-{key.name}"), "PATH": "/usr/bin:/bin"}
            deadline = time.monotonic() + 5
            while not Path(environment["SSH_AUTH_SOCK"]).exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "id")
                file.write_bytes(key.read_bytes())
                file.chmod(0o600)
                Path(folder, "id-cert.pub").write_text(certificate + "\n")
                Path(folder, "message").write_bytes(octets)
                quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": environment, "check": True}
                subprocess.run(["ssh-add", "-q", str(file)], **quiet)
                subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", str(Path(folder, "id-cert.pub")), "-n", "gatehouse-identity",
                                str(Path(folder, "message"))], **quiet)
                return Path(folder, "message.sig").read_text()
        finally:
            agent.terminate()
            agent.wait()


class Renewing(RenewalRequests):
    def test_the_same_key_goes_on_within_the_session(self):
        first = self.post(self.octets())
        second = self.renew(self.octets(), certificate=first["certificate"])
        self.assertIn("proof=renewal", second["key_id"])
        self.assertEqual(second["session_end"], first["session_end"])
        self.assertNotEqual(second["serial"], first["serial"])
        session = self.audit_of(second["request_id"])["session"]
        self.assertEqual(session, first["request_id"])
        third = self.renew(self.octets(), certificate=second["certificate"])
        self.assertEqual(third["session_end"], first["session_end"])

    def test_another_key_needs_a_new_login(self):
        first = self.post(self.octets())
        other = self.bed.new_key("other-for-renewal")
        octets = self.octets(public_key=self.public_key(other))
        identity = self.certificate_sshsig(octets, self.key, first["certificate"])
        no = self.refused("invalid-credentials", self.post, octets, user=False, possession_key=other, identity=identity)
        self.assertEqual(self.audit_of(no.document["request_id"])["reason"], "other_subject_key")

    def test_a_certificate_of_another_ca_identifies_nobody(self):
        authority = self.bed.new_key("another-ca")
        line = self.bed.certificate(authority, self.key, [self.person]).read_text().strip()
        no = self.refused("invalid-credentials", self.renew, self.octets(), certificate=line)
        self.assertEqual(self.audit_of(no.document["request_id"])["reason"], "untrusted_ca")

    def test_a_revoked_certificate_renews_nothing(self):
        first = self.post(self.octets())
        self.ca.revoke(ADMINISTRATOR, password_of(ADMINISTRATOR), serials=[first["serial"]], reason="test")
        no = self.refused("invalid-credentials", self.renew, self.octets(), certificate=first["certificate"])
        self.assertEqual(self.audit_of(no.document["request_id"])["reason"], "revoked")

    def test_revoking_one_certificate_ends_its_session_for_those_before_it(self):
        first = self.post(self.octets())
        second = self.renew(self.octets(), certificate=first["certificate"])
        self.ca.revoke(ADMINISTRATOR, password_of(ADMINISTRATOR), serials=[second["serial"]], reason="test")
        no = self.refused("invalid-credentials", self.renew, self.octets(), certificate=first["certificate"])
        self.assertEqual(self.audit_of(no.document["request_id"])["reason"], "revoked")

    def test_a_renewal_does_not_widen_what_the_request_narrowed(self):
        first = self.post(self.octets(lifetime=120))
        second = self.renew(self.octets(), certificate=first["certificate"])
        self.assertEqual(second["valid_before"] - second["valid_after"], first["valid_before"] - first["valid_after"])


    def test_an_ended_certificate_is_renewed_while_its_session_lasts(self):
        first = self.post(self.octets(lifetime=2))
        wait_for(lambda: time.time() > first["valid_before"], what="the end of the certificate")
        second = self.renew(self.octets(), certificate=first["certificate"])
        self.assertEqual(second["session_end"], first["session_end"])

    def modify(self, ldif):
        variables = self.bed.variables
        subprocess.run(["ldapmodify", "-x", "-H", variables["GH_LDAP_URI"], "-D", variables["GH_LDAP_ADMIN_DN"], "-w",
                        variables["GH_LDAP_ADMIN_PASSWORD"]], input=ldif, text=True, check=True, stdout=subprocess.DEVNULL)

    def test_who_leaves_the_group_is_not_renewed(self):
        first = self.post(self.octets(role="user"))
        group, member = directory.group_dn("ssh-users"), directory.person_dn(self.person)
        self.modify(f"dn: {group}\nchangetype: modify\ndelete: member\nmember: {member}\n")
        try:
            self.refused("not-authorized", lambda: self.renew(self.octets(), certificate=first["certificate"]))
        finally:
            self.modify(f"dn: {group}\nchangetype: modify\nadd: member\nmember: {member}\n")
        self.renew(self.octets(), certificate=first["certificate"])


class ShortSessions(RenewalRequests):
    bed_options = {"policy": '[role.user]\nlifetime = "4s"\nsession = "6s"\n'}

    def test_the_session_bounds_every_renewal(self):
        first = self.post(self.octets(role="user"))
        time.sleep(3)
        second = self.renew(self.octets(), certificate=first["certificate"])
        self.assertEqual(second["session_end"], first["session_end"])
        self.assertLessEqual(second["valid_before"], first["session_end"])
        wait_for(lambda: time.time() > first["session_end"], what="the end of the session")
        self.refused("session-ended", lambda: self.renew(self.octets(), certificate=second["certificate"]))


class Publishing(Requests):
    def verified(self, path, name_space, keys):
        content, headers = self.ca.call(path, raw=True)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "allowed").write_text("".join(f'ca namespaces="{name_space}" {key}\n' for key in keys))
            armoured, _ = self.ca.call(path + "?signature", raw=True)
            Path(folder, "sig").write_bytes(armoured)
            subprocess.run(["ssh-keygen", "-q", "-Y", "verify", "-f", str(Path(folder, "allowed")), "-I", "ca", "-n", name_space, "-s",
                            str(Path(folder, "sig"))], input=content, check=True, stdout=subprocess.DEVNULL)
        self.assertTrue(headers["Gatehouse-Signature"])
        return content, headers

    def trust_key(self):
        return " ".join(self.bed.path("trust", "trust.pub").read_text().split()[:2])

    def test_the_trust_bundle_is_signed_by_the_trust_key(self):
        content, headers = self.verified("/v1/trust", "gatehouse-trust", [self.trust_key()])
        bundle = json.loads(content)
        self.assertEqual(bundle["ca_id"], self.ca.call("/v1/nonces")["audience"])
        self.assertIn(self.trust_key(), bundle["trust_keys"])
        self.assertEqual(len(bundle["user_ca"]), 1)
        self.assertGreater(bundle["expires"], time.time())
        self.assertEqual(json.loads(self.ca.call("/v1/trust", raw=True)[0])["version"], bundle["version"])
        with self.assertRaises(Refused) as same:
            self.ca.call("/v1/trust", headers={"If-None-Match": headers["ETag"]})
        self.assertEqual(same.exception.status, 304)

    def test_a_revocation_is_in_the_next_list(self):
        bundle = json.loads(self.ca.call("/v1/trust", raw=True)[0])
        answer = self.post(self.octets())
        before, headers = self.verified("/v1/krl", "gatehouse-krl", bundle["trust_keys"])
        certificate = Path(f"{self.key}-cert.pub")
        certificate.write_text(answer["certificate"] + "\n")
        done = self.ca.revoke(ADMINISTRATOR, password_of(ADMINISTRATOR), serials=[answer["serial"]], reason="lost")
        content, after = self.verified("/v1/krl", "gatehouse-krl", bundle["trust_keys"])
        self.assertNotEqual(headers["ETag"], after["ETag"])
        self.assertTrue(after["ETag"].startswith(f'"{done["krl_version"]}-'))
        for octets, revoked in ((before, False), (content, True)):
            krl = self.bed.folder / "krl-test"
            krl.write_bytes(octets)
            asked = subprocess.run(["ssh-keygen", "-Q", "-f", str(krl), str(certificate)], stdout=subprocess.PIPE, text=True)
            self.assertEqual("REVOKED" in asked.stdout, revoked, asked.stdout)

    def test_only_administrators_revoke(self):
        no = self.refused("not-authorized", lambda: self.ca.revoke(self.person, password_of(self.person), serials=["1"]))
        self.assertEqual(self.audit_of(no.document["request_id"])["event"], "revocation_refused")
        self.refused("invalid-credentials", lambda: self.ca.revoke(ADMINISTRATOR, "wrong", serials=["1"]))

    def test_a_revoked_key_gets_no_certificate(self):
        self.ca.revoke(ADMINISTRATOR, password_of(ADMINISTRATOR), keys=[self.public_key()])
        self.refused("not-authorized", lambda: self.post(self.octets()))

    def test_a_waiting_question_is_answered_by_the_next_revocation(self):
        _, headers = self.ca.call("/v1/krl", raw=True)
        with concurrent.futures.ThreadPoolExecutor(1) as aside:
            waiting = aside.submit(self.ca.call, "/v1/krl?wait=20", None, {"If-None-Match": headers["ETag"]}, True)
            time.sleep(0.3)
            self.assertFalse(waiting.done())
            self.ca.revoke(ADMINISTRATOR, password_of(ADMINISTRATOR), key_ids=["user=nobody"])
            _, after = waiting.result(timeout=15)
        self.assertNotEqual(after["ETag"], headers["ETag"])


class Network(Requests):
    """What the front does with peers who keep to no rule."""

    def connect(self, minimum=ssl.TLSVersion.TLSv1_3, maximum=ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=str(self.bed.path("tls", "ca", "ca.pem")))
        context.minimum_version, context.maximum_version = minimum, maximum
        plain = socket.create_connection(("127.0.0.1", self.bed.layout.port("ca")), timeout=15)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def say(self, octets):
        with self.connect() as connection:
            connection.sendall(octets)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer

    def test_only_tls_13(self):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.connect(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)

    def test_bodies_and_headers_have_limits(self):
        self.assertIn(b" 413 ", self.say(b"POST /v1/certificates/user HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b" 413 ", self.say(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n").split(b"\r\n")[0])

    def test_nonsense_is_answered_and_the_connection_closed(self):
        self.assertIn(b" 400 ", self.say(b"hello there\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b" 400 ", self.say(b"POST /v1/revocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                                         b"Content-Length: 1\r\n\r\n{").split(b"\r\n")[0])

    def test_one_address_holds_only_so_many_connections(self):
        held = []
        try:
            for _ in range(80):
                try:
                    held.append(self.connect())
                except (OSError, ssl.SSLError):
                    break
            self.assertLessEqual(len(held), 64)
            self.assertGreater(len(held), 50)
        finally:
            for connection in held:
                connection.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.ca.health() is not None:
                return
            time.sleep(0.1)
        self.fail("connections that were closed still count")


if __name__ == "__main__":
    main()
