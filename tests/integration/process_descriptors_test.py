"""Each kind of process has the account and the confinement that docs/processes.md lists, and no descriptor that it does not."""
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from integration.bed import AS_ROOT, BedTest, client_environment, main, wait_for
from lab import up

DOCUMENT = up.SOURCE / "docs" / "processes.md"


def rows(text):
    """The cells of each row of the tables in a text, without headings."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [row for row in found if row[0] not in ("process", "descriptor") and not row[0].startswith("-")]


def written_list():
    """{process: (account, seccomp, no new privileges, root)} and {process: {descriptor: at most}}."""
    head, *sections = re.split(r"(?m)^## ", DOCUMENT.read_text())
    confinement = {row[0]: tuple(row[1:5]) for row in rows(head)}
    descriptors = {section.splitlines()[0].strip(): {row[0]: int(row[1]) for row in rows(section)} for section in sections}
    return confinement, descriptors


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split(":", 1)[1].split() for line in lines}


def sockets():
    """{inode: word} of all TCP and Unix sockets that this network namespace knows."""
    found = {}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(path).read_text().splitlines()[1:]:
            fields = line.split()
            found[fields[9]] = "tcp-listen" if fields[3] == "0A" else "tcp"
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        found[fields[6]] = "unix-listen" if int(fields[3], 16) & 0x10000 else "unix"
    return found


class ProcessDescriptors(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()
        cls.confinement, cls.listed = written_list()

    def word(self, target, known):
        """The document's word for what a descriptor leads to."""
        if AS_ROOT:
            target = target.removeprefix(os.readlink(f"/proc/{self.bed.pid('namespace')}/root").rstrip("/"))  # in a chroot
        inode = re.fullmatch(r"socket:\[(\d+)\]", target)
        if inode:
            return known.get(inode[1], "unix")  # one that its peer has closed is in no table any more
        for pattern, word in ((r"/dev/null", "null"), (r"pipe:.*", "pipe"), (r"/memfd:.*", "memory"), (r"anon_inode:\[eventpoll\]", "epoll"),
                              (r"anon_inode:\[eventfd\]", "event"), (r"anon_inode:\[signalfd\]", "signal"), (r"anon_inode:\[timerfd\]", "timer"),
                              (r"anon_inode:\[pidfd\]", "child"), (r"/dev/(ptmx|pts/.*)", "terminal"), (r".*/log/[a-z]+\.log", "log"),
                              (r".*/audit\.json", "audit"), (r".*/run/sshd/lock", "lock"), (r".*/tokens/[a-z]+/pin", "pin"),
                              (r".*/ca/ledger\.db.*", "ledger")):
            if re.fullmatch(pattern, target):
                return word
        return target

    def kind(self, pid, line, status):
        """Which process of the document this is; None for programs of users and the bed's own."""
        program = os.path.basename(line.split()[0]) if line else ""
        parent = int(status["PPid"][0])
        if program == "gatehouse-signer":
            return "ca signer" if "--purpose ca" in line else "host signer"
        if program == "gatehouse-ca":
            return next((f"ca {part}" for part in ("front", "issuer") if f" --{part} " in line), "ca parent")
        if program != "gatehouse-sshd":
            return None
        if "--authorizer" in line:
            return "sshd authorizer"
        if pid == self.bed.pid("sshd"):
            return "sshd listener"
        if parent == self.bed.pid("sshd"):
            return "sshd monitor"
        return "sshd preauth" if status["Seccomp"][0] == "2" else "sshd session"

    def test_all_processes_are_as_listed(self):
        terminal = self.bed.terminal("echo ready; sleep 100")
        terminal.read_until("ready")
        program = subprocess.Popen([*self.bed.ssh_words(), "echo ready; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=client_environment())
        program.stdout.readline()
        port = int(self.bed.variables["GH_SSHD_PORT"])
        stranger = socket.create_connection(("127.0.0.1", port))
        stranger.recv(100)
        stranger.sendall(b"SSH-2.0-stranger\r\n")
        silent = socket.create_connection(("127.0.0.1", port))
        for connection in (stranger, silent):
            self.addCleanup(connection.close)
        wait_for(lambda: {"sshd preauth", "sshd session"} <= set(self.found()), what="all kinds of processes")
        time.sleep(0.3)
        seen = set()
        known = sockets()
        for pid, line in self.bed.process_ids().items():
            try:
                status = status_of(pid)
                targets = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            kind = self.kind(pid, line, status)
            if kind is None:
                continue
            seen.add(kind)
            with self.subTest(process=kind, pid=pid):
                self.check_confinement(kind, pid, status)
                counts = {}
                for target in targets:
                    counts[self.word(target, known)] = counts.get(self.word(target, known), 0) + 1
                for word, count in counts.items():
                    self.assertLessEqual(count, self.listed[kind].get(word, 0), f"{kind} holds {count} of: {word}; all: {sorted(targets)}")
        self.assertEqual(seen, set(self.listed), "kinds of processes that ran, and that the document lists")
        program.stdin.close()
        program.wait()
        program.stdout.close()
        os.kill(terminal.pid, 15)
        terminal.wait()

    def found(self):
        result = []
        for pid, line in self.bed.process_ids().items():
            try:
                result.append(self.kind(pid, line, status_of(pid)))
            except OSError:
                continue
        return result

    def check_confinement(self, kind, pid, status):
        account, seccomp, no_new_privileges, root = self.confinement[kind]
        if AS_ROOT:
            uid = {"root": 0, "the user": self.bed.layout.account(self.bed.person).uid}.get(account)
            uids = [str(self.bed.layout.account(account).uid if uid is None else uid)] * 4
            self.assertEqual(status["Uid"], uids)
            self.assertEqual(status["Gid"], [str(0 if account == "root" else self.bed.layout.account(
                self.bed.person if account == "the user" else account).gid)] * 4)
            if account not in ("root", "the user"):
                self.assertEqual(int(status["CapEff"][0], 16) | int(status["CapPrm"][0], 16), 0)
            # As seen from here, which in a chroot is not what the processes themselves see.
            whole = os.readlink(f"/proc/{self.bed.pid('namespace')}/root")
            empty = whole.rstrip("/") + str(self.bed.path("run", "sshd", "empty"))
            self.assertEqual(os.readlink(f"/proc/{pid}/root"), whole if root == "/" else empty)
        self.assertEqual(status["Seccomp"][0], "2" if seccomp == "yes" else "0")
        self.assertEqual(status["NoNewPrivs"][0], "1" if no_new_privileges == "yes" else "0")


if __name__ == "__main__":
    main()
