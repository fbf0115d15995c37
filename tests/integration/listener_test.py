"""The listener: silent connections, limits, penalties, crashes, reloads."""
import os
import signal
import socket
import struct
import subprocess
import time
import unittest
from pathlib import Path

from integration.bed import BedTest, client_environment, main, replace_file, wait_for


class Peer(socket.socket):
    """A connection that has read the server's first line."""

    def __init__(self, address):
        super().__init__()
        self.settimeout(10)
        self.connect(address)
        self.line = b""
        while not self.line.endswith(b"\n"):
            piece = self.recv(1)
            if not piece:
                break
            self.line += piece


class ListenerTest(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    @property
    def port(self):
        return int(self.bed.variables["GH_SSHD_PORT"])

    @property
    def listener(self):
        return int(self.bed.variables["GH_SSHD_PID"])

    def connect(self, words=None):
        """A connection that has read our identification line, and sent `words` if there are some."""
        connection = Peer(("127.0.0.1", self.port))
        self.addCleanup(connection.close)
        if words:
            connection.sendall(words)
        return connection

    def processes(self, name):
        result = []
        for pid in self.bed.process_ids():
            try:
                if Path(f"/proc/{pid}/comm").read_text() == f"{name}\n":
                    result.append(pid)
            except OSError:
                continue
        return result

    def assert_logs_in(self):
        done = self.bed.ssh("echo in")
        self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def layout(self):
        return Path(f"/proc/{self.listener}/maps").read_text().split("-")[0]


def closed(connection, seconds=10):
    """Whether the other side closes within that time."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


class SilentConnections(ListenerTest):
    bed_options = {"sshd_config": "LoginGraceTime 3\n"}

    def test_are_greeted_and_cost_no_process(self):
        connections = [self.connect() for _ in range(20)]
        for connection in connections:
            self.assertRegex(connection.line, rb"^SSH-2\.0-Gatehouse_[^\r\n]*\r\n$")
        self.assertEqual(self.processes("sshd-monitor"), [])
        self.assert_logs_in()

    def test_have_until_the_grace_time_is_over(self):
        began = time.monotonic()
        self.assertTrue(closed(self.connect()))
        self.assertGreater(time.monotonic() - began, 2)

    def test_who_speaks_and_does_not_log_in_has_as_long(self):
        before = len(self.bed.audit())
        self.assertTrue(closed(self.connect(b"SSH-2.0-slow\r\n")))
        self.bed.wait_audit("refusal", after=before, reason="login_grace_time")
        wait_for(lambda: not self.processes("sshd-preauth"), what="the end of the preauth process")

    def test_one_source_has_a_quarter_of_the_places(self):
        connections = [self.connect() for _ in range(1030)]
        time.sleep(0.2)
        gone = [connection for connection in connections if closed(connection, 0.001)]
        self.assertEqual(gone, connections[:6])
        self.assert_logs_in()


class Randomness(ListenerTest):
    def kexinit(self):
        """Cookie and padding of the server's first packet."""
        connection = self.connect(b"SSH-2.0-x\r\n")
        packet = b""
        while len(packet) < 5 or len(packet) < 4 + struct.unpack(">I", packet[:4])[0]:
            packet += connection.recv(4096)
        length, padding = struct.unpack(">IB", packet[:5])
        connection.close()
        return packet[6:22], packet[4 + length - padding:4 + length]

    def test_no_two_connections_draw_the_same(self):
        # More than 1,000, so that the listener executes itself anew in between.
        seen = [self.kexinit() for _ in range(1100)]
        self.assertEqual(len({cookie for cookie, _ in seen}), len(seen))
        self.assertEqual(len({padding for _, padding in seen}), len(seen))


class Crashes(ListenerTest):
    def test_a_crash_before_login_harms_nobody_else(self):
        client = subprocess.Popen([*self.bed.ssh_words(), "sleep 5; echo lived"], env=client_environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        silent = self.connect()
        wait_for(lambda: self.processes("sshd-session"), what="the session")
        before = self.layout()
        victim = self.connect(b"SSH-2.0-victim\r\n")
        wait_for(lambda: self.processes("sshd-preauth"), what="the preauth process")
        os.kill(self.processes("sshd-preauth")[0], signal.SIGSEGV)
        self.assertTrue(closed(victim))
        wait_for(lambda: self.layout() != before, what="a fresh address layout")
        self.assert_logs_in()
        silent.sendall(b"SSH-2.0-late\r\n")
        wait_for(lambda: self.processes("sshd-preauth"), what="the silent connection's turn")
        silent.close()
        self.assertEqual(client.communicate(timeout=20)[0], "lived\n")
        self.assertEqual(client.returncode, 0)

    def test_the_authorizer_is_started_again(self):
        for pid, line in self.bed.process_ids().items():
            if "--authorizer" in line:
                os.kill(pid, signal.SIGKILL)
        self.assert_logs_in()

    def test_preauth_ends_with_its_monitor(self):
        connection = self.connect(b"SSH-2.0-x\r\n")
        wait_for(lambda: self.processes("sshd-preauth"), what="the preauth process")
        preauth = self.processes("sshd-preauth")[0]
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{preauth}/status").read_text().splitlines() if ":\t" in line)
        os.kill(int(status["PPid"]), signal.SIGKILL)
        wait_for(lambda: preauth not in self.processes("sshd-preauth"), what="the end of preauth")
        self.assertTrue(closed(connection))
        self.assert_logs_in()

    @unittest.skipIf(os.geteuid() != 0, "the sandbox of preauth is tried by its owner")
    def test_preauth_is_confined(self):
        self.connect(b"SSH-2.0-x\r\n")
        wait_for(lambda: self.processes("sshd-preauth"), what="the preauth process")
        pid = self.processes("sshd-preauth")[0]
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual((status["Seccomp"], status["NoNewPrivs"], status["CapEff"]), ("2", "1", "0" * 16))
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual(os.listdir(f"/proc/{pid}/root"), [])


class Limits(ListenerTest):
    bed_options = {"sshd_config": "MaxStartups 3\n"}

    def test_startups_beyond_the_limit_are_refused_and_counted_down_again(self):
        held = [self.connect(b"SSH-2.0-x\r\n") for _ in range(3)]
        wait_for(lambda: len(self.processes("sshd-preauth")) == 3, what="three startups")
        refused = self.connect(b"SSH-2.0-x\r\n")
        self.assertTrue(closed(refused))
        self.assertEqual(self.bed.ssh("true").returncode, 255)
        held[0].close()
        wait_for(lambda: len(self.processes("sshd-preauth")) == 2, what="the end of one of them")
        self.assert_logs_in()
        before = len(self.bed.audit())
        session = subprocess.Popen([*self.bed.ssh_words(), "sleep 3"], env=client_environment(), stdin=subprocess.DEVNULL)
        self.addCleanup(session.wait)
        self.bed.wait_audit("exec", after=before)
        self.assert_logs_in()  # who has logged in counts no more


class PenaltiesApply(ListenerTest):
    bed_options = {"sshd_config": "PerSourcePenaltyExemptList 192.0.2.1\nPerSourcePenalties authfail:2s min:3s max:5s\n"}

    def test_a_source_that_fails_again_and_again_is_refused_for_a_while(self):
        stranger = self.bed.new_key("stranger")
        before = len(self.bed.audit())
        for _ in range(2):
            self.assertIn("Permission denied", self.bed.ssh("true", key=stranger).stderr)
        line = self.bed.wait_audit("penalty", after=before)
        self.assertEqual((line["source"], line["reason"]), ("127.0.0.1", "authfail"))
        self.assertEqual(self.connect().line, b"Not allowed at this time\r\n")
        wait_for(lambda: self.connect().line.startswith(b"SSH-2.0-"), what="the end of the penalty")
        self.assert_logs_in()


class Reload(ListenerTest):
    def test_sighup_takes_a_good_configuration_and_leaves_a_bad_one(self):
        path = Path(self.bed.variables["GH_SSHD_CONFIG"])
        text = path.read_text()
        self.addCleanup(replace_file, path, text)
        replace_file(path, "VersionAddendum first\n" + text)
        os.kill(self.listener, signal.SIGHUP)
        wait_for(lambda: b"first" in self.connect().line, what="the new configuration")
        self.assert_logs_in()
        replace_file(path, "NoSuchKeyword yes\n" + text)
        os.kill(self.listener, signal.SIGHUP)
        time.sleep(0.5)
        self.assertIn(b"first", self.connect().line)
        self.assert_logs_in()


class OtherWaysToStart(ListenerTest):
    def words(self, *flags):
        return [str(self.bed.layout.program("gatehouse-sshd")), "-f", self.bed.variables["GH_SSHD_CONFIG"], *flags]

    def test_a_second_server_in_the_same_folder_is_refused(self):
        from lab.processes import entered
        done = subprocess.run(entered(self.bed.layout, self.words("-D", "-e", "-p", "1")), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)

    def serve_by_inetd(self, **how):
        """@return what a client that logs in by it prints"""
        from lab.processes import entered
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            client = subprocess.Popen([*self.bed.ssh_words(options=[f"Port={port}", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]),
                                       "echo by-inetd"], env=client_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            connection, _ = server.accept()
            with connection:
                inetd = subprocess.Popen(entered(self.bed.layout, self.words("-i")), stdin=connection, stdout=connection, stderr=connection,
                                         **how)
            said = client.communicate(timeout=20)[0]
            return said, inetd.wait(20)

    def test_inetd_uses_the_running_servers_signer_and_authorizer(self):
        self.assertEqual(self.serve_by_inetd(), ("by-inetd\n", 0))

    def test_inetd_of_a_caller_that_ignores_its_children(self):
        self.assertEqual(self.serve_by_inetd(preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)), ("by-inetd\n", 0))


if __name__ == "__main__":
    main()
