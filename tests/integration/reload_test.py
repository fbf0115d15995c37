"""SIGHUP: a new configuration holds whole, or not at all, and nobody who is on the way in notices."""
import os
import shlex
import signal
import subprocess
import sys

from integration.bed import BedTest, client_environment, main, replace_file, wait_for

# Connects, keeps still until it is told to go on, then passes everything on in both directions.
LATE_CLIENT = """
import os, select, socket, sys, time
port, connected, go_on = int(sys.argv[1]), sys.argv[2], sys.argv[3]
peer = socket.create_connection(("127.0.0.1", port))
held = b""
while not held.endswith(b"\\r\\n"):
    held += peer.recv(1)
open(connected, "wb").write(held)
while not os.path.exists(go_on):
    time.sleep(0.02)
os.write(1, held)
while True:
    for source in select.select([0, peer], [], [])[0]:
        octets = os.read(0, 65536) if source == 0 else peer.recv(65536)
        if not octets:
            sys.exit(0)
        peer.sendall(octets) if source == 0 else os.write(1, octets)
"""


class Reload(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def setUp(self):
        self.config = self.bed.path("sshd_config")
        self.before = self.config.read_text()
        self.addCleanup(self.restore)

    def restore(self):
        if self.config.read_text() != self.before:
            replace_file(self.config, self.before)
            self.reload("the new configuration is in force")

    def log(self):
        return self.bed.path("log", "sshd.log").read_text(errors="replace")

    def reload(self, until):
        """SIGHUP, and waits for a line of the log that holds `until`."""
        seen = len(self.log())
        os.kill(self.bed.pid("sshd"), signal.SIGHUP)
        wait_for(lambda: until in self.log()[seen:], what=f"the log's line with {until!r}")

    def assert_logs_in(self):
        done = self.bed.ssh("echo in")
        self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def signers(self):
        return {pid for pid, line in self.bed.process_ids().items() if "gatehouse-signer" in line and "--purpose host" in line}

    def test_a_connection_that_waits_keeps_its_identification_line(self):
        script = self.bed.folder / "late_client.py"
        script.write_text(LATE_CLIENT)
        connected, go_on = self.bed.folder / "connected", self.bed.folder / "go-on"
        words = [sys.executable, str(script), "%p", str(connected), str(go_on)]
        client = subprocess.Popen([*self.bed.ssh_words(options=["ProxyCommand=" + shlex.join(words)]), "echo in"], env=client_environment(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(client.kill)
        wait_for(lambda: connected.exists() and connected.read_bytes().endswith(b"\r\n"), what="the identification line")
        replace_file(self.config, "VersionAddendum another\n" + self.before)
        self.reload("the new configuration is in force")
        go_on.touch()
        out, errors = client.communicate(timeout=30)
        self.assertEqual((client.returncode, out), (0, "in\n"), errors)
        self.assertNotIn(b"another", connected.read_bytes())
        self.assert_logs_in()

    def test_a_key_that_the_token_has_not_leaves_everything_as_it_was(self):
        signers = self.signers()
        self.assertEqual(len(signers), 1)
        first = next(line for line in self.before.splitlines() if line.startswith("HostKey "))
        replace_file(self.config, "VersionAddendum never\n" + self.before.replace(first, first.replace("object=", "object=no-such-")))
        self.reload("the old configuration stays")
        self.assertEqual(self.signers(), signers, "the signer of old, and no other")
        self.assert_logs_in()

    def test_what_would_keep_the_server_from_starting_leaves_everything_as_it_was(self):
        replace_file(self.config, self.before.replace("PKCS11PinSource", "#PKCS11PinSource"))
        self.reload("the old configuration stays")
        self.assert_logs_in()
        replace_file(self.config, "AuditLog /nonexistent/audit.json\nVersionAddendum never\n" + self.before)
        self.reload("the old configuration stays")
        self.assert_logs_in()

    def test_another_set_of_keys_gets_another_signer(self):
        signers = self.signers()
        lines = self.before.splitlines()
        keys = [line for line in lines if line.startswith("HostKey ")]
        self.assertGreater(len(keys), 1)
        # The same keys in another order: another signer, and clients that know the host find it again.
        others = "\n".join([*reversed(keys), *(line for line in lines if line not in keys)]) + "\n"
        replace_file(self.config, others)
        self.reload("the new configuration is in force")
        wait_for(lambda: self.signers().isdisjoint(signers), what="the end of the signer of old")
        self.assertEqual(len(self.signers()), 1)
        self.assertTrue(self.bed.path("run", "sshd", "signer").is_socket())
        self.assert_logs_in()


if __name__ == "__main__":
    main()
