"""Certificates with nothing but stock ssh-keygen, curl and jq: the commands of docs/ca.md, as they stand there."""
import json
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from integration.bed import BedTest, main, password_of, skip_all

for needed in ("curl", "jq"):
    if shutil.which(needed) is None:
        skip_all(f"{needed} is not installed")

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "ca.md"


class Curl(BedTest):
    def setUp(self):
        self.folder = self.bed.folder / self.id().rpartition(".")[2]
        self.folder.mkdir()
        shutil.copy(self.bed.path("tls", "ca", "ca.pem"), self.folder / "tls-ca.pem")

    def blocks(self):
        return re.findall(r"^```\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)

    def adapted(self, text):
        variables = self.bed.variables
        person = self.bed.person
        return (text.replace("https://ca.example.org:8443", variables["GH_CA_URL"])
                .replace("-u alice", f"-u {person}:{password_of(person)}")
                .replace('"example"', f'"{self.bed.ca.call("/v1/nonces")["audience"]}"'))

    def shell(self, text):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def facts(self, name="key-cert.pub"):
        return subprocess.run(["ssh-keygen", "-L", "-f", str(self.folder / name)], check=True, stdout=subprocess.PIPE, text=True).stdout

    def test_a_person_gets_a_certificate_as_the_document_says(self):
        self.shell(self.adapted(self.blocks()[0]))
        self.assertIn(f"user={self.bed.person} ", self.facts())

    def test_a_service_account_gets_one_with_its_enrolled_key(self):
        shutil.copy(self.bed.layout.user_folder("svc-backup") / "enrolled_ed25519", self.folder / "enrolled")
        text = self.adapted(self.blocks()[0])
        text = re.sub(r"-u \S+", "", text)
        text = text.replace("public_key: $key}", 'public_key: $key, account: "svc-backup"}')
        text = text.replace("jq -n --rawfile request", "mv request.sig possession.sig\n"
                            "ssh-keygen -q -Y sign -n gatehouse-identity -f enrolled request\n"
                            "jq -n --rawfile identity request.sig --rawfile request")
        text = text.replace("possession request.sig", "possession possession.sig").replace("possession: $possession}", "possession: $possession, identity: $identity}")
        self.shell(text)
        self.assertIn("user=svc-backup ", self.facts())

    def test_the_revocation_list_is_verified_as_the_document_says(self):
        bundle = json.loads(self.bed.ca.call("/v1/trust", raw=True)[0])
        (self.folder / "krl-key.pub").write_text(bundle["trust_keys"][-1])
        text = "ca=https://ca.example.org:8443\n" + self.blocks()[1]
        self.assertIn("Good \"gatehouse-krl\" signature", self.shell(self.adapted(text)))


if __name__ == "__main__":
    main()
