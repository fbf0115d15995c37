"""PuTTY's plink logs in with a certificate (PuTTY 0.78 and newer speak OpenSSH's certificates)."""
import hashlib
import os
import shutil
import subprocess

from integration.bed import BedTest, client_environment, main, skip_all


class Plink(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def plink(self, *command, kind="ed25519", bits=None, flags=(), host_key="host-ed25519", **options):
        key = self.bed.folder / f"plink-{kind}-{bits}"
        if not key.exists():
            self.bed.new_key(key.name, kind, bits)
            self.bed.login(key=key)
            subprocess.run(["puttygen", key, "-O", "private", "--certificate", f"{key}-cert.pub", "-o", f"{key}.ppk"], check=True,
                           stdin=subprocess.DEVNULL, env=client_environment())
        fingerprint = subprocess.run(["ssh-keygen", "-l", "-f", self.bed.path("trust", f"{host_key}.pub")], check=True, stdout=subprocess.PIPE,
                                     text=True).stdout.split()[1]
        environment = {**client_environment(), "HOME": str(self.bed.folder)}
        options.setdefault("text", "input" not in options)
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        return subprocess.run(["plink", "-batch", "-ssh", "-noagent", "-P", self.bed.variables["GH_SSHD_PORT"], "-hostkey", fingerprint, "-i",
                               f"{key}.ppk", *flags, f"{self.bed.person}@127.0.0.1", *command],
                              env=environment, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def test_each_kind_of_user_key(self):
        for kind, bits in (("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072)):
            with self.subTest(kind=kind, bits=bits):
                done = self.plink("echo in; exit 5", kind=kind, bits=bits)
                self.assertEqual((done.returncode, done.stdout), (5, "in\n"), done.stderr)

    def test_bulk_data_has_the_same_hash(self):
        data = os.urandom(1_000_000) * 20
        done = self.plink("cat", input=data)
        self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(data).hexdigest())

    def test_a_terminal(self):
        self.assertIn("/dev/pts/", self.plink("tty", flags=["-t"]).stdout)


if __name__ == "__main__":
    if not shutil.which("plink") or "--certificate" not in subprocess.run(["puttygen", "--help"], stdout=subprocess.PIPE, text=True).stdout:
        skip_all("no plink that knows certificates")
    main()
