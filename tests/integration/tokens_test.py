"""Every private key is in a token and cannot leave it, as another PKCS#11 program sees it."""
import re
import shutil
import subprocess

from integration.bed import BedTest, main, skip_all
from lab import settings
from lab.processes import environment
from pathlib import Path


class Tokens(BedTest):
    def objects(self, which, kind):
        variables = self.bed.variables
        pin = Path(variables[f"GH_{which}_PIN_FILE"]).read_text().strip()
        done = subprocess.run(["pkcs11-tool", "--module", variables["GH_PKCS11_MODULE"], "--token-label", variables[f"GH_{which}_TOKEN"], "--login",
                               "--pin", "env:TEST_PIN", "--list-objects", "--type", kind], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=True,
                              env=environment({"SOFTHSM2_CONF": variables[f"GH_{which}_SOFTHSM2_CONF"], "TEST_PIN": pin}))
        found = {}
        for block in re.split(r"(?m)^(?=\S)", done.stdout):
            label = re.search(r"label:\s+(\S+)", block)
            if label:
                found[label[1]] = block
        return found

    def test_private_keys_are_sensitive_and_never_extractable(self):
        for which, names in (("HOST", settings.HOST_KEYS), ("CA", settings.CA_KEYS)):
            keys = self.objects(which, "privkey")
            self.assertEqual(set(keys), set(names))
            for name, block in keys.items():
                with self.subTest(key=name):
                    access = re.search(r"Access:\s+(.*)", block)[1]
                    self.assertEqual(set(access.split(", ")), {"sensitive", "always sensitive", "never extractable", "local"})

    def test_no_private_key_of_the_bed_is_a_file(self):
        allowed = {"server.key", "ca.key"}  # TLS; and the keys of clients, below users/
        for path in self.bed.layout.folder.rglob("*"):
            if path.is_file() and not path.is_relative_to(self.bed.path("users")) and path.stat().st_size < 100_000:
                if b"PRIVATE KEY" in path.read_bytes():
                    self.assertIn(path.name, allowed, path)


if __name__ == "__main__":
    if not shutil.which("pkcs11-tool"):
        skip_all("no opensc")
    main()
