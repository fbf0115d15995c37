"""A test bed for Python tests, and what they do with it again and again."""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

from lab import parts, processes, up
from lab.ca_client import CaClient, Refused  # noqa: F401  (tests import them from here)
from lab.layout import ADMINISTRATOR, BedError, password_of  # noqa: F401
from lab.login import login

AS_ROOT = os.geteuid() == 0


class Bed:
    """`with Bed() as bed:` brings one up in a folder of its own and takes all of it away again. Texts go before or over the bed's files."""

    def __init__(self, sshd_config="", ca_config="", policy="", own_directory=True):
        self.texts = {"sshd_config": sshd_config, "ca_config": ca_config, "policy": policy}
        self.own_directory = own_directory

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gatehouse-bed."))
        files = {}
        for name, text in self.texts.items():
            files[name] = self.folder / f"given-{name}"
            files[name].write_text(text)
        try:
            self.layout = up.up(self.folder / "bed", **files, own_directory=self.own_directory, bin_folder=os.environ["GH_BIN"])
        except BaseException:
            self.show_logs()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, failed, *_):
        parts.stop_all(self.layout)
        if failed:
            self.show_logs()
        if os.environ.get("GH_KEEP_BED"):
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def show_logs(self):
        for log in sorted(self.folder.glob("bed/log/*.log")):
            print(f"---- the end of {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-40:]), file=sys.stderr)

    # -- facts ------------------------------------------------------------------------------------------------------------------------

    @property
    def variables(self):
        """What DIR/env says, as texts."""
        return {name: str(value) for name, value in up.variables(self.layout).items()}

    @property
    def person(self):
        """Somebody who may log in: alice, or without root the user who runs the tests."""
        return "alice" if AS_ROOT else self.layout.account("alice").name

    def path(self, *names):
        return self.layout.path(*names)

    def pid(self, part):
        return self.layout.state["parts"][part]["pid"]

    # -- certificates -----------------------------------------------------------------------------------------------------------------

    @property
    def ca(self):
        return parts.client(self.layout)

    def login(self, user=None, **members):
        return login(self.layout, user or self.person, **members)

    def new_key(self, name, kind="ed25519", bits=None):
        """A private key file in the test's own folder."""
        path = self.folder / name
        words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(path)] + (["-b", str(bits)] if bits else [])
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        return path

    def trust(self, public_key):
        """Adds a CA key to those that the server trusts; it takes it in without a restart."""
        path = Path(self.variables["GH_TRUSTED_CA"])
        replace_file(path, path.read_text().rstrip("\n") + "\n" + Path(public_key).read_text())

    def certificate(self, ca_key, key, principals=(), validity="-1m:+30m", options=(), host=False, key_id="test", serial=1):
        """A certificate that a CA key in a file signs with stock ssh-keygen; stands beside the key."""
        words = ["ssh-keygen", "-q", "-s", str(ca_key), "-I", key_id, "-V", validity, "-z", str(serial)]
        words += ["-n", ",".join(principals)] if principals else []
        words += [word for option in options for word in ("-O", option)]
        words += ["-h"] if host else []
        done = subprocess.run([*words, f"{key}.pub"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError(f"ssh-keygen: {done.stdout}")
        return key.with_name(key.name + "-cert.pub")

    # -- connections ------------------------------------------------------------------------------------------------------------------

    def ssh_words(self, user=None, options=(), key=None, flags=()):
        identity = []
        if key is not None:
            # A file of its own: the bed's ssh_config would add the user's identity to the one that is tried.
            config = self.folder / "ssh_config.bare"
            if not config.exists():
                lines = self.path("ssh_config").read_text().splitlines()
                config.write_text("\n".join(line for line in lines if "IdentityFile" not in line and "CertificateFile" not in line) + "\n")
            identity = ["-o", f"IdentityFile={key}"]
            if Path(f"{key}-cert.pub").exists():
                identity += ["-o", f"CertificateFile={key}-cert.pub"]
        else:
            config = self.path("ssh_config")
        # The first value wins: what a test asks for comes before what all of them want.
        wanted = [*options, "IdentityAgent=none", "IdentitiesOnly=yes", "BatchMode=yes"]
        return ["ssh", "-F", str(config), *(word for option in wanted for word in ("-o", option)), *identity, *flags,
                f"{user or self.person}@127.0.0.1"]

    def ssh(self, *command, user=None, options=(), key=None, flags=(), timeout=60, **run):
        """Stock ssh. @param key  private key file (with -cert.pub beside it) instead of the user's own"""
        if "input" not in run:
            run.setdefault("stdin", subprocess.DEVNULL)
        run.setdefault("text", not isinstance(run.get("input"), bytes))
        run.setdefault("stdout", subprocess.PIPE)
        run.setdefault("stderr", subprocess.PIPE)
        return subprocess.run([*self.ssh_words(user, options, key, flags), *command], timeout=timeout, env=client_environment(), **run)

    def terminal(self, *command, user=None, columns=80, rows=24):
        return Terminal([*self.ssh_words(user, flags=["-tt"]), *command], columns, rows)

    # -- the audit log ----------------------------------------------------------------------------------------------------------------

    def audit(self, event=None, **members):
        """The audit lines, oldest first, with this event and these members."""
        path = Path(self.variables["GH_AUDIT_LOG"])
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if (event is None or line["event"] == event) and members.items() <= line.items()]

    def wait_audit(self, event, after=0, seconds=10, **members):
        """The first such line beyond the first `after` lines of the log."""
        end = time.monotonic() + seconds
        while True:
            lines = self.audit()[after:]
            found = [line for line in lines if line["event"] == event and members.items() <= line.items()]
            if found:
                return found[0]
            if time.monotonic() > end:
                raise AssertionError(f"no audit line {event} {members}; there are:\n" + "\n".join(map(json.dumps, lines)))
            time.sleep(0.05)

    # -- the ledger -------------------------------------------------------------------------------------------------------------------

    def ledger_rows(self, table="issued"):
        """How many rows a table of the ledger has; "issued" has one for each certificate that may have left the CA."""
        database = sqlite3.connect(f"file:{self.variables['GH_LEDGER']}?mode=ro", uri=True)
        try:
            return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        finally:
            database.close()

    # -- parts ------------------------------------------------------------------------------------------------------------------------

    def stop(self, part):
        parts.stop(self.layout, part)

    def start(self, part):
        parts.start(self.layout, part)

    def restart(self, part):
        self.stop(part)
        self.start(part)

    def run(self, *argv, account=None, **options):
        """A command where the bed's accounts exist."""
        return processes.run(self.layout, argv, account=self.layout.account(account) if account else None, **options)

    def process_ids(self):
        """Every process of the bed: {pid: command line}."""
        if AS_ROOT:
            found = [pid for pid, _ in processes.namespace_members(self.pid("namespace"))]
        else:
            own = [part["pid"] for part in self.layout.state["parts"].values()]
            found = own + [pid for pid_of_part in own for pid, _ in processes.descendants(pid_of_part)]
        result = {}
        for pid in found:
            try:
                result[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
        return result


class BedTest(unittest.TestCase):
    """Tests that share one bed; a class sets `bed_options` for another configuration."""

    bed_options = {}

    @classmethod
    def setUpClass(cls):
        cls.bed = Bed(**cls.bed_options)
        cls.bed.__enter__()
        cls.addClassCleanup(cls.take_down)

    @classmethod
    def take_down(cls):
        cls.bed.__exit__(bool(FAILURES))


FAILURES = []


class ResultKeeper(unittest.TextTestResult):
    """Tells the bed that its logs are wanted."""

    def addFailure(self, test, error):
        FAILURES.append(test)
        super().addFailure(test, error)

    def addError(self, test, error):
        FAILURES.append(test)
        super().addError(test, error)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ctest's time-out: take the bed down
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=ResultKeeper, verbosity=2))


def skip_all(why):
    print(f"skipped: {why}")
    sys.exit(77)


def client_environment():
    """Of clients: nothing of the caller's that could change what they do."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "TERM": "xterm"}


def replace_file(path, text):
    """As a careful administrator does: a new file in the same folder, then a rename."""
    new = path.with_name(path.name + ".new")
    mode = path.stat().st_mode & 0o7777
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)


def wait_for(condition, seconds=10, what="the condition"):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.05)


class Terminal:
    """A command on a terminal of its own, as a person has one."""

    def __init__(self, argv, columns, rows):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, client_environment())
        self.resize(columns, rows)
        self.seen = b""
        self.status = None

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def write(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, word, seconds=20):
        """All that was shown up to and including `word`; what follows is kept."""
        end = time.monotonic() + seconds
        wanted = word.encode()
        while wanted not in self.seen:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{word!r} was not shown; there was {self.seen!r}")
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"the terminal ended without {word!r}; there was {self.seen!r}")
            self.seen += piece
        shown, _, self.seen = self.seen.partition(wanted)
        return (shown + wanted).decode(errors="replace")

    def wait(self, seconds=20):
        """Reads to the end. @return what was left to read, and the exit status"""
        end = time.monotonic() + seconds
        while True:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"the command did not end; there was {self.seen!r}")
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return self.seen.decode(errors="replace"), self.status
