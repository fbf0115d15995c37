"""dropbear's dbclient knows no certificates: it gets through the key exchange, and is refused for that."""
import shutil
import subprocess

from integration.bed import BedTest, main, skip_all


class Dbclient(BedTest):
    def dbclient(self, *flags):
        key = self.bed.folder / "dropbear-key"
        if not key.exists():
            subprocess.run(["dropbearkey", "-t", "ed25519", "-f", key], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        return subprocess.run(["dbclient", "-y", "-y", "-T", "-i", key, *flags, "-p", self.bed.variables["GH_SSHD_PORT"],
                               f"{self.bed.person}@127.0.0.1", "true"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": str(self.bed.folder)})

    def test_the_key_exchange_works_and_the_log_in_is_refused(self):
        done = self.dbclient()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("auth methods", done.stderr)
        self.assertEqual(self.bed.wait_audit("refusal")["reason"], "no_certificate")

    def test_ciphers_that_it_has(self):
        for cipher in ("chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-ctr"):
            with self.subTest(cipher=cipher):
                done = self.dbclient("-c", cipher)
                self.assertIn("auth methods", done.stderr)


if __name__ == "__main__":
    if not shutil.which("dbclient") or not shutil.which("dropbearkey"):
        skip_all("no dropbear-bin")
    main()
