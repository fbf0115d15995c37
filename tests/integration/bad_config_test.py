"""Bad configuration: no start, and one line with file, line and mend."""
import os
import subprocess
from pathlib import Path

from integration.bed import BedTest, main
from lab.processes import environment
from lab.tokens import ca_token, host_token


class BadServerConfiguration(BedTest):
    def check(self, change, *words):
        """@param change  from the lines of a good configuration to a bad one"""
        lines = self.bed.path("sshd_config").read_text().splitlines()
        config = self.bed.folder / "bad_sshd_config"
        config.write_text("\n".join(change(lines)) + "\n")
        done = self.bed_run([self.bed.layout.program("gatehouse-sshd"), "-t", "-f", config], host_token(self.bed.layout))
        self.assertNotEqual(done.returncode, 0)
        said = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertIn(str(config), said[0])
        for word in words:
            self.assertIn(word, said[0])
        return said[0]

    def bed_run(self, argv, token):
        from lab.processes import entered
        return subprocess.run(entered(self.bed.layout, argv), env=environment(token.environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)

    def number_of(self, lines, keyword):
        return next(number for number, line in enumerate(lines, 1) if line.startswith(keyword + " "))

    def replaced(self, keyword, value):
        return lambda lines: [f"{keyword} {value}" if line.startswith(keyword + " ") else line for line in lines]

    def test_the_good_one_passes(self):
        done = self.bed_run([self.bed.layout.program("gatehouse-sshd"), "-t", "-f", self.bed.path("sshd_config")], host_token(self.bed.layout))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_unknown_keyword(self):
        self.check(lambda lines: ["", "NoSuchKeyword yes", *lines], "line 2", "NoSuchKeyword")

    def test_keyword_that_would_weaken_certificate_only_login(self):
        self.check(lambda lines: [*lines, "PasswordAuthentication yes"], "PasswordAuthentication")

    def test_bad_uri(self):
        self.check(lambda lines: ["HostKey pkcs11:token=a;object=%zz", *lines], "line 1", "HostKey")

    def test_host_key_that_is_a_file(self):
        self.check(lambda lines: ["HostKey /etc/ssh/ssh_host_ed25519_key", *lines], "line 1", "pkcs11:")

    def test_missing_file(self):
        number = self.number_of(self.bed.path("sshd_config").read_text().splitlines(), "TrustedUserCAKeys")
        self.check(self.replaced("TrustedUserCAKeys", "/nonexistent/user_ca"), f"line {number}", "/nonexistent/user_ca")

    def test_missing_module(self):
        self.check(self.replaced("PKCS11Provider", "/nonexistent/module.so"), "/nonexistent/module.so")

    def test_pin_source_that_others_may_read(self):
        loose = self.bed.folder / "loose-pin"
        loose.write_text("1234\n")
        loose.chmod(0o644)
        self.check(self.replaced("PKCS11PinSource", str(loose)), str(loose), "chmod")


class BadAuthorityConfiguration(BedTest):
    def check(self, file, old, new, *words):
        """Replaces `old` in a file of the CA's configuration; the CA must not start with it."""
        bad = self.bed.folder / f"bad-{file}"
        text = self.bed.path(file).read_text()
        self.assertIn(old, text)
        bad.write_text(text.replace(old, new, 1))
        config = bad
        if file != "ca.toml":
            config = self.bed.folder / "bad-ca.toml"
            config.write_text(self.bed.path("ca.toml").read_text().replace(str(self.bed.path(file)), str(bad)))
        from lab.processes import entered
        done = subprocess.run(entered(self.bed.layout, [self.bed.layout.program("gatehouse-ca"), "-t", "-f", config]), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                              env=environment(ca_token(self.bed.layout).environment))
        self.assertNotEqual(done.returncode, 0)
        said = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(len(said), 1, done.stderr)
        for word in (bad.name, *words):
            self.assertIn(word, said[0])

    def test_unknown_key(self):
        self.check("ca.toml", "[listen]\n", "[listen]\nprot = 443\n", "prot", "line")

    def test_bad_uri(self):
        self.check("ca.toml", "pkcs11:token=gatehouse-ca;object=user-ca", "pkcs11:token=gatehouse-ca;object", "line")

    def test_missing_policy(self):
        self.check("ca.toml", str(self.bed.path("policy.toml")), "/nonexistent/policy.toml", "/nonexistent/policy.toml")

    def test_policy_with_a_group_that_is_no_dn(self):
        self.check("policy.toml", '"cn=ssh-users,', '"ssh-users,', "line")

    def test_pin_source_that_others_may_read(self):
        loose = self.bed.folder / "loose-pin"
        loose.write_text("1234\n")
        loose.chmod(0o644)
        self.check("ca.toml", str(ca_token(self.bed.layout).pin_file), str(loose), str(loose), "chmod")

    def test_limits_with_an_unknown_name(self):
        self.check("signer-limits.toml", "max_lifetime", "max_lifetimes", "max_lifetimes", "line")

    def test_limits_without_a_table_for_a_key(self):
        self.check("signer-limits.toml", "object=host-ca", "object=other-ca", "object=host-ca")


if __name__ == "__main__":
    assert Path(os.environ["GH_BIN"]).is_dir()
    main()
