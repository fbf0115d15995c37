"""internal-sftp with stock sftp and scp: files, extensions, the audit lines, and a hung file call that holds up nobody else."""
import hashlib
import os
import subprocess
import time
import unittest

from integration.bed import Bed, main


class SftpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = cls.enterClassContext(Bed(sshd_config="Subsystem sftp internal-sftp\n"))
        cls.bed.login()

    def words(self, program, *flags):
        """ssh's words with another program in front, which shares its options."""
        ssh = self.bed.ssh_words()
        target = ssh[-1]
        return [program, *[w for w in ssh[1:-1] if w != "-n"], *flags], target

    def sftp(self, batch, check=True):
        words, target = self.words("sftp", "-b", "-")
        done = subprocess.run([*words, target], input=batch, text=True, capture_output=True, timeout=120)
        if check:
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def run_there(self, command):
        return subprocess.run([*self.bed.ssh_words(), command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def test_files_travel_whole_in_both_directions(self):
        local = self.bed.folder / "big"
        local.write_bytes(os.urandom(1 << 20) * 64)
        back = self.bed.folder / "back"
        self.sftp(f"put {local} big\nget big {back}\n")
        digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
        self.assertEqual(digest(local), digest(back))
        lines = [line for line in self.bed.audit("sftp", operation="close") if line["path"].endswith("big")]
        self.assertTrue(any(line["octets_written"] == 64 << 20 for line in lines), lines)
        self.assertTrue(any(line["octets_read"] == 64 << 20 for line in lines), lines)

    def test_every_everyday_command(self):
        small = self.bed.folder / "small"
        small.write_text("words")
        self.sftp(f"mkdir d\nput -p {small} d/a\nrename d/a d/b\nln d/b d/c\nln -s b d/l\nchmod 600 d/b\nls -la d\ndf d\ncopy d/b d/e\n"
                  "get d/e /dev/null\nrm d/l\nrm d/e\nrm d/c\nrm d/b\nrmdir d\npwd\n")
        self.assertEqual(self.run_there("ls -d d").returncode, 2)
        done = self.sftp("get no-such-file\n", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not found", done.stderr)

    def test_scp_in_both_protocols(self):
        local = self.bed.folder / "for-scp"
        local.write_text("words")
        for flags in ([], ["-O"]):
            words, target = self.words("scp", *flags)
            subprocess.run([*words, str(local), f"{target}:copied"], check=True, capture_output=True, timeout=60)
            subprocess.run([*words, f"{target}:copied", str(local) + ".back"], check=True, capture_output=True, timeout=60)
            self.assertEqual(local.read_text(), (self.bed.folder / "for-scp.back").read_text())

    def test_a_client_that_types_the_name_gets_the_shells_answer(self):
        done = self.run_there("internal-sftp")
        self.assertEqual(done.returncode, 127)

    def test_an_open_of_a_fifo_delays_no_other_channel(self):
        self.assertEqual(self.run_there("rm -f fifo; mkfifo fifo").returncode, 0)
        control = self.bed.folder / "control"
        ssh = self.bed.ssh_words()
        shared = ["-o", f"ControlPath={control}"]
        master = subprocess.Popen([*ssh[:-1], *shared, "-M", "-N", ssh[-1]], stdin=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if control.exists():
                    break
                time.sleep(0.05)
            words, target = self.words("sftp", *shared, "-b", "-")
            hanging = subprocess.Popen([*words, target], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
            hanging.stdin.write(f"put {self.bed.path('ssh_config')} fifo\n")  # the open waits for somebody who reads
            hanging.stdin.flush()
            time.sleep(0.5)
            began = time.monotonic()
            subprocess.run([*ssh[:-1], *shared, ssh[-1], "true"], check=True, timeout=20, stdin=subprocess.DEVNULL)
            self.assertLess(time.monotonic() - began, 10)
            self.assertIsNone(hanging.poll())
            hanging.kill()
            hanging.wait()
        finally:
            master.terminate()
            master.wait()


class ForcedSftpTest(unittest.TestCase):
    def test_a_forced_read_only_sftp_serves_files_and_nothing_else(self):
        with Bed(sshd_config="Subsystem sftp internal-sftp\nForceCommand internal-sftp -R\n") as bed:
            bed.login()
            ssh = bed.ssh_words()
            there = subprocess.Popen([*ssh, "id"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            out, _ = there.communicate(b"", timeout=60)  # SFTP answers, not a shell
            self.assertEqual(out, b"")
            words = ["sftp", *[w for w in ssh[1:-1] if w != "-n"], "-b", "-", ssh[-1]]
            done = subprocess.run(words, input="put /etc/hostname x\n", text=True, capture_output=True, timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("Permission denied", done.stderr)
            done = subprocess.run(words, input="get /etc/hostname /dev/null\n", text=True, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
