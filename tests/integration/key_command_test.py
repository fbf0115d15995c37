"""`gatehouse key`: made, listed, shown and destroyed keys, looked at with pkcs11-tool and ssh-keygen."""
import json
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

from support.signer_parts import BIN, MODULE, PIN, Token

SHIM = BIN.parent / "tests" / "lib" / "pkcs11_shim.so"
KINDS = {"ed25519": "256 ED25519", "ecdsa-p256": "256 ECDSA", "ecdsa-p384": "384 ECDSA", "ecdsa-p521": "521 ECDSA", "rsa-3072": "3072 RSA",
         "rsa-4096": "4096 RSA"}


class KeyCommand(unittest.TestCase):
    def setUp(self):
        self.token = Token()
        self.addCleanup(self.token.close)

    def argv(self, word, *options, module=MODULE):
        return [str(BIN / "gatehouse"), "key", word, "--module", str(module), "--pin-source", str(self.token.pin_file), *map(str, options)]

    def key(self, word, *options, status=0):
        done = subprocess.run(self.argv(word, *options), env=self.token.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def attributes(self, label):
        text = self.token.run("pkcs11-tool", "--module", MODULE, "--token-label", "lab", "--login", "--pin", PIN, "-O", "--type", "privkey",
                              "--label", label).decode()
        return text

    def test_each_type_is_made_sensitive_and_never_extractable(self):
        for kind, shown in KINDS.items():
            with self.subTest(type=kind):
                public = self.token.folder / f"{kind}.pub"
                done = self.key("generate", "--type", kind, "--public-out", public, self.token.uri(kind))
                self.assertEqual(done.stdout, public.read_text())
                self.assertEqual(done.stderr.splitlines()[0].split(":")[0], "pkcs11")
                listed = subprocess.run(["ssh-keygen", "-lf", str(public)], check=True, capture_output=True, text=True).stdout
                bits, fingerprint, *_, name = listed.split()
                self.assertEqual(f"{bits} {name.strip('()')}", shown)
                self.assertIn(fingerprint, done.stderr)
                access = next(line for line in self.attributes(kind).splitlines() if "Access" in line)
                for word in ("sensitive", "always sensitive", "never extractable", "local"):
                    self.assertIn(word, access)
                usage = next(line for line in self.attributes(kind).splitlines() if "Usage" in line)
                self.assertIn("sign", usage)
                for word in ("decrypt", "unwrap", "derive"):
                    self.assertNotIn(word, usage)

    def test_list_and_show_agree(self):
        self.key("generate", "--type", "ed25519", "--label", "one", "--id", "0a0b", "pkcs11:token=lab")
        self.key("generate", "--type", "ecdsa-p256", self.token.uri("two"))
        listed = json.loads(self.key("list", "--json", "pkcs11:token=lab").stdout)
        self.assertEqual({entry["label"] for entry in listed}, {"one", "two"})
        one = next(entry for entry in listed if entry["label"] == "one")
        self.assertEqual(one["id"], "0a0b")
        self.assertIs(one["extractable"], False)
        self.assertIs(one["never_extractable"], True)
        self.assertEqual(json.loads(self.key("show", "--json", one["uri"]).stdout), one)
        self.assertIn(one["fingerprint"], self.key("list", "pkcs11:token=lab").stdout)
        self.assertIn(one["public_key"], self.key("show", self.token.uri("one")).stdout)

    def test_a_key_that_could_leave_is_shown_as_such(self):
        self.token.run("pkcs11-tool", "--module", MODULE, "--token-label", "lab", "--login", "--pin", PIN, "--keypairgen", "--key-type",
                       "EC:prime256v1", "--label", "leaky", "--id", "01", "--extractable")
        self.assertIn("NOT SAFE", self.key("show", self.token.uri("leaky")).stdout)

    def test_label_and_id_are_taken_once(self):
        self.key("generate", "--type", "ed25519", "--id", "01", self.token.uri("k"))
        self.assertIn("in use", self.key("generate", "--type", "ed25519", self.token.uri("k"), status=1).stderr)
        self.assertIn("in use", self.key("generate", "--type", "ed25519", "--id", "01", self.token.uri("other"), status=1).stderr)
        self.assertEqual(len(json.loads(self.key("list", "--json", "pkcs11:token=lab").stdout)), 1)

    def test_destroy_needs_consent_and_takes_both_objects(self):
        self.key("generate", "--type", "ed25519", self.token.uri("k"))
        self.key("generate", "--type", "ed25519", self.token.uri("stays"))
        self.assertIn("--yes", self.key("destroy", self.token.uri("k"), status=2).stderr)
        self.key("show", self.token.uri("k"))
        self.key("destroy", "--yes", self.token.uri("k"))
        self.assertEqual([entry["label"] for entry in json.loads(self.key("list", "--json", "pkcs11:token=lab").stdout)], ["stays"])
        self.key("destroy", "--yes", self.token.uri("k"), status=1)

    def test_what_names_no_key_is_refused(self):
        self.assertIn("no token matches", self.key("list", "pkcs11:token=other", status=3).stderr)
        self.key("show", self.token.uri("nothing"), status=1)
        self.key("list", "pkcs11:object=k", status=1)
        self.key("generate", "--type", "dsa", self.token.uri("k"), status=2)
        self.key("generate", "--type", "ed25519", "pkcs11:token=lab", status=2)
        self.key("destroy", "--yes", "pkcs11:token=lab", status=1)
        self.key("generate", self.token.uri("k"), status=2)
        self.key("list", status=2)
        self.key("list", "--help")

    def test_pin_file_that_others_can_read_is_refused(self):
        self.token.pin_file.chmod(0o644)
        self.assertIn("chmod 0400", self.key("list", "pkcs11:token=lab", status=1).stderr)

    def test_wrong_pin_is_tried_once(self):
        self.token.write_pin("000000")
        log = self.token.folder / "shim.log"
        environment = dict(self.token.environment, SHIM_MODULE=MODULE, SHIM_LOG=str(log))
        done = subprocess.run(self.argv("list", "pkcs11:token=lab", module=SHIM), env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("CKR_PIN_INCORRECT", done.stderr)
        self.assertEqual(log.read_text().splitlines().count("C_Login"), 1)

    def test_the_command_loads_no_module(self):
        (self.token.folder / "control").write_text("C_Login sleep:1500 1\n")
        environment = dict(self.token.environment, SHIM_MODULE=MODULE, SHIM_CONTROL=str(self.token.folder / "control"))
        with subprocess.Popen(self.argv("list", "pkcs11:token=lab", module=SHIM), env=environment, stdout=subprocess.DEVNULL) as command:
            signer = None
            until = time.monotonic() + 1.2
            while time.monotonic() < until and not (signer and "pkcs11_shim" in maps(signer)):
                children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
                signer = children[0] if children else None
                time.sleep(0.01)
            if os.geteuid() == 0:  # only root may look into the signer
                self.assertIn("pkcs11_shim", maps(signer))
            for module in ("pkcs11_shim", "softhsm"):
                self.assertNotIn(module, maps(command.pid))
            self.assertEqual(command.wait(10), 0)


def maps(pid):
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(77) if MODULE is None else unittest.main()
