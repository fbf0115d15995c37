"""A session ends with its certificate, whatever it is doing: by the clock, by revocation, and when its monitor is gone."""
import os
import signal
import subprocess
import time
from pathlib import Path

from integration.bed import BedTest, client_environment, main, wait_for


class EndTest(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ca_key = cls.bed.new_key("end-ca")
        cls.bed.trust(f"{cls.ca_key}.pub")
        cls.names = 0

    def certified(self, **how):
        EndTest.names = getattr(EndTest, "names", 0) + 1
        key = self.bed.new_key(f"end-{EndTest.names}")
        self.bed.certificate(self.ca_key, key, [self.bed.person], **how)
        return key

    def begin(self, command, key, flags=()):
        self.before = len(self.bed.audit())
        client = subprocess.Popen([*self.bed.ssh_words(key=key, flags=flags), command], env=client_environment(), text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(client.kill)
        self.bed.wait_audit("exec", after=self.before)
        return client

    def ended(self, how, seconds=15):
        return self.bed.wait_audit("session_end", after=self.before, seconds=seconds, how=how)

    def running(self, word):
        return [line for line in self.bed.process_ids().values() if word in line and "ssh -F" not in line]


class EndOfCertificate(EndTest):
    def test_a_busy_session_and_its_programs_end_in_time(self):
        began = time.time()
        client = self.begin("trap '' HUP TERM; while :; do echo gatehouse-busy; sleep 0.1; done", self.certified(validity="-1m:+4s"))
        said, errors = client.communicate(timeout=20)
        self.assertEqual(client.returncode, 255)
        self.assertIn("Your certificate has ended", errors)
        self.assertLess(time.time() - began, 8)
        self.ended("certificate_expired")
        wait_for(lambda: not self.running("gatehouse-busy"), what="the end of what ignores SIGHUP")

    def test_a_session_on_a_terminal_ends_and_the_person_is_told(self):
        key = self.certified(validity="-1m:+4s")
        self.before = len(self.bed.audit())
        terminal = subprocess.Popen(["script", "-qec", " ".join([*self.bed.ssh_words(key=key, flags=["-tt"]), "sleep", "4711"]), "/dev/null"],
                                    env=client_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        shown = terminal.communicate(timeout=20)[0]
        self.assertIn("Your certificate has ended", shown)
        self.ended("certificate_expired")
        wait_for(lambda: not self.running("sleep 4711"), what="the end of the program on the terminal")

    def test_what_was_detached_lives_on(self):
        client = self.begin("setsid sleep 4712 >/dev/null 2>&1 </dev/null & sleep 60", self.certified(validity="-1m:+4s"))
        client.communicate(timeout=20)
        self.ended("certificate_expired")
        time.sleep(1.5)
        self.assertTrue(self.running("sleep 4712"))
        self.bed.run("pkill", "-f", "sleep 4712")

    def test_a_client_that_does_not_read_is_ended_all_the_same(self):
        client = self.begin("head -c 100000000 /dev/zero", self.certified(validity="-1m:+4s"))
        os.kill(client.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, client.pid, signal.SIGCONT)
        self.ended("certificate_expired", seconds=20)


class Revocation(EndTest):
    def test_a_live_session_ends_when_its_certificate_is_revoked(self):
        key = self.certified(serial=77)
        client = self.begin("sleep 60", key)
        krl = Path(self.bed.variables["GH_KRL"])
        new = krl.with_name("krl.new")
        new.write_bytes(krl.read_bytes())
        spec = self.bed.folder / "spec"
        spec.write_text("serial: 77\n")
        subprocess.run(["ssh-keygen", "-q", "-k", "-u", "-f", new, "-s", f"{self.ca_key}.pub", "-z", str(time.time_ns() // 1_000_000), spec],
                       check=True)
        new.chmod(0o644)
        new.replace(krl)
        began = time.monotonic()
        errors = client.communicate(timeout=30)[1]
        self.assertIn("revoked", errors)
        self.assertLess(time.monotonic() - began, 20)
        self.ended("revoked")


class EndOfMonitor(EndTest):
    def monitor(self):
        return [pid for pid in self.bed.process_ids() if Path(f"/proc/{pid}/comm").read_text() == "sshd-monitor\n"][-1]

    def test_no_session_outlives_its_monitor(self):
        client = self.begin("sleep 60", self.certified())
        os.kill(self.monitor(), signal.SIGKILL)
        client.communicate(timeout=10)
        self.assertEqual(client.returncode, 255)

    def test_a_monitor_that_is_asked_to_go_ends_its_session(self):
        client = self.begin("sleep 60", self.certified())
        os.kill(self.monitor(), signal.SIGTERM)
        client.communicate(timeout=10)
        self.ended("terminated")


class Kept(EndTest):
    bed_options = {"sshd_config": "ExpiredCertificateAction keep\n"}

    def test_a_session_outlives_its_certificate_where_the_configuration_says_so(self):
        client = self.begin("sleep 5; echo still-here", self.certified(validity="-1m:+3s"))
        self.assertEqual(client.communicate(timeout=20)[0], "still-here\n")


if __name__ == "__main__":
    main()
