"""People log in with a certificate from the CA: commands, terminals, bulk data, many at once."""
import concurrent.futures
import hashlib
import os
import subprocess
import time

from integration.bed import BedTest, main


class Login(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def test_true_succeeds(self):
        done = self.bed.ssh("true")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_exit_status_of_the_command_comes_back(self):
        self.assertEqual(self.bed.ssh("exit 7").returncode, 7)

    def test_a_signal_that_ends_the_command_is_told(self):
        done = self.bed.ssh("kill -TERM $$", flags=["-v"])
        self.assertIn("exit-signal", done.stderr)
        self.assertEqual(done.returncode, 255)

    def test_output_and_errors_stay_apart(self):
        done = self.bed.ssh("echo to-output; echo to-errors >&2")
        self.assertEqual((done.stdout, done.stderr), ("to-output\n", "to-errors\n"))

    def test_the_command_runs_as_the_person_in_the_home_folder(self):
        account = self.bed.layout.account(self.bed.person)
        done = self.bed.ssh("id -u; id -g; pwd; echo $USER $HOME $LOGNAME")
        self.assertEqual(done.stdout.split(), [str(account.uid), str(account.gid), os.path.realpath(account.home), account.name, account.home,
                                               account.name])

    def test_input_reaches_the_command_and_its_end_is_seen(self):
        self.assertEqual(self.bed.ssh("wc -c", input="x" * 1000).stdout.strip(), "1000")

    def test_the_login_is_in_the_audit_log_with_the_certificate(self):
        before = len(self.bed.audit())
        self.bed.ssh("true")
        line = self.bed.wait_audit("login", after=before, user=self.bed.person)
        certificate = self.bed.path("users", self.bed.person, "id_ed25519-cert.pub")
        shown = subprocess.run(["ssh-keygen", "-L", "-f", certificate], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertIn(f"Serial: {line['serial']}\n", shown)
        self.assertIn(f'Key ID: "{line["key_id"]}"', shown)
        for event in ("session_start", "exec", "session_end"):
            self.assertEqual(self.bed.wait_audit(event, after=before, connection=line["connection"])["user"], self.bed.person)

    def test_one_hundred_megabytes_up_have_the_same_hash(self):
        data = os.urandom(1_000_000) * 100
        done = self.bed.ssh("sha256sum", input=data, timeout=120)
        self.assertEqual(done.stdout.split()[0].decode(), hashlib.sha256(data).hexdigest())

    def test_one_hundred_megabytes_up_and_down_at_once_have_the_same_hash(self):
        data = os.urandom(1_000_000) * 100
        done = self.bed.ssh("cat", input=data, timeout=120)
        self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(data).hexdigest())
        self.assertEqual(done.returncode, 0)

    def test_bulk_data_over_a_rekey_has_the_same_hash(self):
        data = os.urandom(1_000_000) * 20
        done = self.bed.ssh("cat", input=data, options=["RekeyLimit=1M"], timeout=120)
        self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(data).hexdigest())

    def test_fifty_at_once_all_get_in(self):
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            done = list(pool.map(lambda number: self.bed.ssh(f"echo {number}", timeout=120), range(50)))
        self.assertEqual([(d.returncode, d.stdout.strip()) for d in done], [(0, str(number)) for number in range(50)],
                         "\n".join(d.stderr for d in done if d.returncode))


class Algorithms(BedTest):
    """Every algorithm of each kind, one at a time, as stock ssh negotiates it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def check(self, keyword, names):
        for name in names:
            with self.subTest(algorithm=name):
                done = self.bed.ssh("echo in", options=[f"{keyword}={name}"])
                self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def test_key_exchange(self):
        self.check("KexAlgorithms", ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
                                     "ecdh-sha2-nistp521"])

    def test_ciphers(self):
        self.check("Ciphers", ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr",
                               "aes256-ctr"])

    def test_macs(self):
        for name in ("hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"):
            with self.subTest(algorithm=name):
                done = self.bed.ssh("echo in", options=["Ciphers=aes128-ctr", f"MACs={name}"])
                self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def test_host_key_certificates(self):
        self.check("HostKeyAlgorithms", ["ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
                                         "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"])

    def test_user_keys(self):
        for kind, bits in (("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072)):
            with self.subTest(kind=kind, bits=bits):
                key = self.bed.new_key(f"user-{kind}-{bits}", kind, bits)
                self.bed.login(key=key)
                done = self.bed.ssh("echo in", key=key)
                self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)

    def test_rsa_user_key_with_each_hash(self):
        key = self.bed.new_key("user-rsa", "rsa", 3072)
        self.bed.login(key=key)
        for name in ("rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"):
            with self.subTest(algorithm=name):
                done = self.bed.ssh("echo in", key=key, options=[f"PubkeyAcceptedAlgorithms={name},{name.replace('-cert-v01@openssh.com', '')}"])
                self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr)


class TerminalSession(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def test_size_and_modes_come_over_and_resize_is_seen(self):
        terminal = self.bed.terminal("stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done", columns=101, rows=37)
        self.assertIn("37 101", terminal.read_until("ready"))
        terminal.resize(60, 20)
        rest, status = terminal.wait()
        self.assertIn("20 60", rest)
        self.assertEqual(status, 5)

    def test_a_shell_takes_lines_and_interrupts(self):
        terminal = self.bed.terminal("bash --norc")
        terminal.write("PS1=; echo sum=$((40+2))\n")
        terminal.read_until("sum=42")
        terminal.write("sleep 100 || echo interrupted=$?\n")
        terminal.read_until("sleep 100")
        time.sleep(0.5)
        terminal.write("\x03")
        terminal.write("echo after=$((1+1)); exit 3\n")
        terminal.read_until("after=2")
        self.assertEqual(terminal.wait()[1], 3)

    def test_tty_is_a_terminal_of_the_person(self):
        terminal = self.bed.terminal("tty; stat -c %u $(tty); echo TERM=$TERM")
        shown, status = terminal.wait()
        self.assertIn("/dev/pts/", shown)
        self.assertIn(str(self.bed.layout.account(self.bed.person).uid), shown)
        self.assertIn("TERM=xterm", shown)
        self.assertEqual(status, 0)


if __name__ == "__main__":
    main()
