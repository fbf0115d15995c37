"""Channels of a logged-in person: what goes in and out, who gets what environment, and what is not allowed."""
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from integration.bed import BedTest, client_environment, main, wait_for

CONFIG = """AcceptEnv GH_* LC_?
SetEnv SERVER_SAYS=hello
Subsystem shout /bin/sh -c 'echo "$USER shouts"; exit 3'
ClientAliveInterval 1
ClientAliveCountMax 2
"""


USER_PROCESS, DEAD_PROCESS = 7, 8
UTMP = struct.Struct("h2xi32s4s32s256s52x")  # utmp(5): type, pid, line, id, user, host; exit, session, time, address, reserve


class Session(BedTest):
    bed_options = {"sshd_config": CONFIG}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    # -- streams

    def test_input_that_nobody_reads_holds_up_nothing(self):
        done = self.bed.ssh("exit 4", input=bytes(20_000_000), timeout=30)
        self.assertEqual(done.returncode, 4)

    def test_a_program_that_closed_its_output_still_gets_input(self):
        name = f"/tmp/gatehouse-half-close-{os.getpid()}"
        done = self.bed.ssh(f"exec >&- 2>&-; cat > {name}", input="half\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.bed.ssh(f"cat {name}; rm {name}").stdout, "half\n")

    def test_output_after_the_end_of_input_arrives_whole(self):
        done = self.bed.ssh("cat >/dev/null; sleep 0.3; seq 200000 | tail -1; exit 5", input="x")
        self.assertEqual((done.returncode, done.stdout), (5, "200000\n"))

    def test_what_runs_on_with_the_output_open_keeps_the_channel(self):
        began = time.monotonic()
        done = self.bed.ssh("(sleep 1; echo late) & exit 6")
        self.assertEqual((done.returncode, done.stdout), (6, "late\n"))
        self.assertGreaterEqual(time.monotonic() - began, 1)

    def test_what_runs_on_without_the_output_does_not(self):
        began = time.monotonic()
        done = self.bed.ssh("sleep 20 >/dev/null 2>&1 </dev/null & exit 0")
        self.assertEqual(done.returncode, 0)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_writer_hears_that_its_reader_is_gone(self):
        done = self.bed.ssh("yes | head -1; echo ${PIPESTATUS[0]}")
        self.assertEqual(done.stdout.split(), ["y", "141"])

    def test_both_streams_full_at_once(self):
        done = self.bed.ssh("head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait", text=False, timeout=60)
        self.assertEqual((len(done.stdout), len(done.stderr)), (5_000_000, 5_000_000))

    # -- what a program is given

    def test_environment(self):
        run = dict(options=["SendEnv=GH_* LC_? LD_PRELOAD PATH"], env={})
        words = self.bed.ssh_words(options=run["options"])
        sent = {**client_environment(), "GH_A": "b=c", "LC_X": "yes", "LD_PRELOAD": "/no", "SSH_CLIENT": "forged"}
        shown = subprocess.run([*words, "env -0"], env=sent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        got = dict(line.split("=", 1) for line in shown.stdout.decode().split("\0") if line)
        account = self.bed.layout.account(self.bed.person)
        self.assertEqual({got["USER"], got["LOGNAME"]}, {account.name})
        self.assertEqual((got["HOME"], got["SHELL"], got["MAIL"]), (account.home, account.shell, f"/var/mail/{account.name}"))
        self.assertEqual((got["GH_A"], got["LC_X"], got["SERVER_SAYS"]), ("b=c", "yes", "hello"))
        self.assertTrue(got["SSH_CONNECTION"].startswith("127.0.0.1 "))
        self.assertEqual(got["SSH_CLIENT"].split()[2], self.bed.variables["GH_SSHD_PORT"])
        for name in ("LD_PRELOAD", "SSH_TTY", "SSH_ORIGINAL_COMMAND", "SOFTHSM2_CONF"):
            self.assertNotIn(name, got)

    def test_nothing_is_inherited_but_three_descriptors(self):
        self.assertEqual(self.bed.ssh("ls /proc/$$/fd; true").stdout.split(), ["0", "1", "2"])

    def test_signals_are_as_at_start(self):
        shown = self.bed.ssh("grep -E '^Sig(Blk|Ign)' /proc/self/status").stdout.split()
        self.assertEqual(shown[1::2], ["0" * 16] * 2)

    def test_each_program_leads_a_session_of_its_own(self):
        pid, session, group = self.bed.ssh("ps -o pid=,sid=,pgid= -p $$").stdout.split()
        self.assertEqual({pid}, {session, group})

    def test_a_login_shell_is_told_so(self):
        self.assertEqual(self.bed.ssh(flags=["-T"], input="echo $0\n").stdout.strip(), "-bash")

    # -- requests

    def test_subsystems(self):
        done = self.bed.ssh("shout", flags=["-s"])
        self.assertEqual((done.returncode, done.stdout), (3, f"{self.bed.person} shouts\n"))
        done = self.bed.ssh("none", flags=["-s"])
        self.assertEqual(done.returncode, 255)
        self.assertIn("subsystem request failed", done.stderr)

    def test_ten_sessions_on_a_connection_and_no_more(self):
        with tempfile.TemporaryDirectory() as folder:
            control = ["-o", f"ControlPath={folder}/c"]
            master = subprocess.Popen([*self.bed.ssh_words(flags=["-N", "-M", *control])], env=client_environment(), stdin=subprocess.DEVNULL)
            self.addCleanup(master.wait)
            self.addCleanup(master.terminate)
            wait_for(lambda: os.path.exists(f"{folder}/c"), what="the master connection")

            def session(command):
                # Without an identity: what the master refuses cannot be had by a connection of its own.
                words = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentityFile=/none", *control, f"{self.bed.person}@127.0.0.1", command]
                return subprocess.Popen(words, env=client_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

            held = [session("echo in; cat") for _ in range(10)]
            for each in held:
                self.assertEqual(each.stdout.readline(), "in\n")
            self.assertEqual(session("echo in").communicate(timeout=10)[0], "")
            held[0].communicate(timeout=10)
            self.assertEqual(session("echo in").communicate(timeout=10)[0], "in\n")
            for each in held[1:]:
                each.communicate(timeout=10)

    def test_no_forwarding_of_any_kind(self):
        done = self.bed.ssh(flags=["-W", "127.0.0.1:1"])
        self.assertIn("administratively prohibited", done.stderr)
        done = self.bed.ssh("true", flags=["-R", "0:127.0.0.1:1"], options=["ExitOnForwardFailure=yes"])
        self.assertEqual(done.returncode, 255)
        done = self.bed.ssh("true", flags=["-R", "/tmp/gatehouse-never:127.0.0.1:1"], options=["ExitOnForwardFailure=yes"])
        self.assertEqual(done.returncode, 255)
        done = self.bed.ssh("echo ${SSH_AUTH_SOCK:-none} ${DISPLAY:-none}", flags=["-A", "-X"])
        self.assertEqual(done.stdout.split(), ["none", "none"])

    def test_user_rc_runs_where_the_certificate_permits_it(self):
        ca = self.bed.new_key("session-ca")
        self.bed.trust(f"{ca}.pub")
        self.bed.ssh("mkdir -p ~/.ssh && echo 'echo rc-ran' > ~/.ssh/rc")
        self.addCleanup(self.bed.ssh, "rm ~/.ssh/rc")
        for options, expected in (((), "rc-ran\ncommand\n"), (("no-user-rc",), "command\n")):
            key = self.bed.new_key(f"rc-{len(options)}")
            self.bed.certificate(ca, key, [self.bed.person], options=options)
            self.assertEqual(self.bed.ssh("echo command", key=key).stdout, expected)

    # -- the log

    def test_the_login_has_the_line_that_log_readers_know(self):
        before = len(self.bed.audit())
        self.bed.ssh("true")
        line = self.bed.wait_audit("login", after=before)
        log = self.bed.path("log", "sshd.log").read_text()
        self.assertRegex(log, rf"Accepted publickey for {line['user']} from 127\.0\.0\.1 port {line['port']} ssh2: ED25519-CERT "
                              rf"{re.escape(line['fingerprint'])} ID {re.escape(line['key_id'])} \(serial {line['serial']}\) "
                              rf"CA (ED25519|ECDSA|RSA) {re.escape(line['ca'])}\n")

    # -- the connection

    def test_a_client_that_stopped_is_let_go(self):
        before = len(self.bed.audit())
        client = subprocess.Popen([*self.bed.ssh_words(), "sleep 60"], env=client_environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.bed.wait_audit("exec", after=before)
        client.send_signal(signal.SIGSTOP)
        self.bed.wait_audit("session_end", after=before, seconds=10)

    def test_a_client_that_asks_whether_we_live_hears_so(self):
        done = self.bed.ssh("sleep 3; echo alive", options=["ServerAliveInterval=1", "ServerAliveCountMax=1"])
        self.assertEqual(done.stdout, "alive\n")

    def test_processes_of_a_session_cannot_be_traced_by_their_user(self):
        shown = self.bed.ssh("p=$(ps -o ppid= -p $$ | tr -d ' '); cat /proc/$p/comm; ls /proc/$p/fd; cat /proc/$p/environ")
        self.assertEqual(shown.stdout, "sshd-session\n")
        self.assertIn("Permission denied", shown.stderr)


@unittest.skipIf(os.geteuid() != 0, "login records are root's to write")
class LoginRecords(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def test_a_terminal_is_recorded_and_shows_when_one_was_here_last(self):
        terminal = self.bed.terminal()
        terminal.write("exit\n")
        terminal.wait()
        terminal = self.bed.terminal()
        self.assertIn("from 127.0.0.1", terminal.read_until("Last login: ") + terminal.read_until("127.0.0.1"))
        terminal.write("exit\n")
        terminal.wait()
        wait_for(lambda: len(self.records()) == 4, what="four records in wtmp")
        for begin, end in zip(self.records()[::2], self.records()[1::2]):
            self.assertEqual((begin["type"], begin["user"], begin["host"]), (USER_PROCESS, self.bed.person, "127.0.0.1"))
            self.assertEqual((end["type"], end["line"], end["pid"]), (DEAD_PROCESS, begin["line"], begin["pid"]))
            self.assertTrue(begin["line"].startswith("pts/"))

    def records(self):
        content = self.bed.path("ns", "wtmp").read_bytes()
        text = lambda octets: octets.rstrip(b"\0").decode()  # noqa: E731
        return [{"type": kind, "pid": pid, "line": text(line), "user": text(user), "host": text(host)}
                for kind, pid, line, _, user, host in UTMP.iter_unpack(content)]

    def test_with_hushlogin_it_is_quiet(self):
        self.bed.ssh("touch ~/.hushlogin")  # commands leave no records
        self.addCleanup(self.bed.ssh, "rm ~/.hushlogin")
        terminal = self.bed.terminal()
        terminal.write("exit\n")
        self.assertNotIn("Last login", terminal.wait()[0])


if __name__ == "__main__":
    main()
