"""gatehouse-agent against stock ssh-add, ssh-keygen and ssh: everything but the CA, which integration tests have."""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["GH_BIN"])


class Agent:
    def __init__(self, folder):
        self.socket = folder / "agent.sock"
        self.process = subprocess.Popen([BIN / "gatehouse-agent", "-D", "-a", self.socket], stdout=subprocess.DEVNULL)
        for _ in range(100):
            if self.socket.exists():
                break
            time.sleep(0.05)
        self.env = {**os.environ, "SSH_AUTH_SOCK": str(self.socket), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}

    def run(self, *command, check=True, **more):
        return subprocess.run([str(c) for c in command], env={**self.env, **more.pop("env", {})}, check=check, capture_output=True, text=True, **more)

    def ask(self, message):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.socket))
            s.sendall(message)
            return s.recv(65536)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0


class AgentTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gh-agent.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.agent = Agent(self.folder)
        self.addCleanup(self.agent.stop)

    def key(self, name, kind="ed25519", bits="256"):
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", name, "-f", path], check=True)
        return path

    def certify(self, key, validity="+1h"):
        if not (self.folder / "ca").exists():
            self.key("ca")
        subprocess.run(["ssh-keygen", "-q", "-s", self.folder / "ca", "-I", "id", "-n", "alice", "-V", validity, f"{key}.pub"], check=True)

    def listed(self):
        return self.agent.run("ssh-add", "-L", check=False).stdout.splitlines()

    def test_every_key_type_is_added_listed_used_and_removed(self):
        message = self.folder / "message"
        message.write_text("words")
        for kind, bits in (("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "3072")):
            with self.subTest(kind=kind, bits=bits):
                key = self.key(f"{kind}{bits}", kind, bits)
                self.agent.run("ssh-add", key)
                self.assertIn(pathlib.Path(f"{key}.pub").read_text().split()[1], self.listed()[0])
                self.agent.run("ssh-keygen", "-Y", "sign", "-f", f"{key}.pub", "-n", "test", message)
                allowed = self.folder / "allowed"
                allowed.write_text("alice " + pathlib.Path(f"{key}.pub").read_text())
                self.agent.run("ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "alice", "-n", "test", "-s", f"{message}.sig", input="words")
                self.agent.run("ssh-add", "-d", key)
                self.assertEqual(self.listed(), ["The agent has no identities."])
                os.unlink(f"{message}.sig")

    def test_signs_no_gatehouse_namespace_for_anybody(self):
        key = self.key("k")
        message = self.folder / "message"
        message.write_text("words")
        self.agent.run("ssh-add", key)
        for name_space in ("gatehouse-possession", "gatehouse-identity", "gatehouse-anything"):
            result = self.agent.run("ssh-keygen", "-Y", "sign", "-f", f"{key}.pub", "-n", name_space, message, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertFalse(pathlib.Path(f"{message}.sig").exists())

    def test_never_lists_an_expired_or_future_certificate(self):
        for name, validity, shown in (("now", "+1h", True), ("past", "-2h:-1h", False), ("future", "+1h:+2h", False)):
            key = self.key(name)
            self.certify(key, validity)
            self.agent.run("ssh-add", "-N", key, check=False)  # -N where ssh-add sets a lifetime by itself
            self.agent.run("ssh-add", key)
            self.assertEqual(any("cert-v01" in line and line.endswith(name) for line in self.listed()), shown, name)

    def test_a_lifetime_ends_a_key(self):
        self.agent.run("ssh-add", "-t", "1", self.key("brief"))
        self.assertEqual(len(self.listed()), 1)
        time.sleep(2.2)
        self.assertEqual(self.listed(), ["The agent has no identities."])

    def test_a_key_that_must_be_confirmed_is_refused(self):
        self.assertNotEqual(self.agent.run("ssh-add", "-c", self.key("k"), check=False).returncode, 0)
        self.assertEqual(self.listed(), ["The agent has no identities."])

    def test_lock_and_unlock(self):
        askpass = self.folder / "askpass"
        askpass.write_text("#!/bin/sh\necho \"$ANSWER\"\n")
        askpass.chmod(0o700)
        with_answer = lambda answer: {"SSH_ASKPASS": str(askpass), "ANSWER": answer}
        self.agent.run("ssh-add", self.key("k"))
        self.agent.run("ssh-add", "-x", env=with_answer("secret"), stdin=subprocess.DEVNULL)
        self.assertEqual(self.listed(), ["The agent has no identities."])
        self.assertNotEqual(self.agent.run("ssh-add", "-X", env=with_answer("wrong"), stdin=subprocess.DEVNULL, check=False).returncode, 0)
        self.agent.run("ssh-add", "-X", env=with_answer("secret"), stdin=subprocess.DEVNULL)
        self.assertEqual(len(self.listed()), 1)

    def test_sigusr1_forgets_all_keys(self):
        self.agent.run("ssh-add", self.key("k"))
        self.agent.process.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        self.assertEqual(self.listed(), ["The agent has no identities."])

    def test_the_socket_is_the_users_alone(self):
        self.assertEqual(self.agent.socket.stat().st_mode & 0o777, 0o600)
        if os.geteuid() == 0:
            self.agent.run("ssh-add", self.key("k"))
            self.agent.socket.chmod(0o666)
            self.folder.chmod(0o755)
            other = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ssh-add", "-l"], env=self.agent.env, capture_output=True, text=True)
            self.assertNotEqual(other.returncode, 0)
            self.assertNotIn("SHA256:", other.stdout)

    def test_malformed_messages_are_answered_or_end_their_connection_only(self):
        framed = lambda body: struct.pack(">I", len(body)) + body
        self.assertEqual(self.agent.ask(framed(b"\xff")), framed(b"\x05"))
        self.assertEqual(self.agent.ask(framed(b"\x0d\x00\x00")), framed(b"\x05"))
        self.assertEqual(self.agent.ask(framed(b"\x1b" + framed(b"no-such@example.com"))), framed(b"\x05"))
        self.assertEqual(self.agent.ask(struct.pack(">I", 0x7fffffff) + b"x"), b"")
        self.assertEqual(self.listed(), ["The agent has no identities."])

    def test_eval_prints_what_a_shell_needs_and_k_ends_it(self):
        script = 'eval "$($AGENT -s)" >/dev/null; ssh-add -l; "$AGENT" -k; test ! -S "$SSH_AUTH_SOCK" || sleep 1; test ! -S "$SSH_AUTH_SOCK"'
        result = subprocess.run(["sh", "-c", script], env={**os.environ, "AGENT": str(BIN / "gatehouse-agent")}, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("no identities", result.stdout)

    def test_runs_a_command_and_ends_with_its_status(self):
        result = subprocess.run([BIN / "gatehouse-agent", "sh", "-c", "ssh-add -l; exit 7"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 7)
        self.assertIn("no identities", result.stdout)


if __name__ == "__main__":
    unittest.main()
