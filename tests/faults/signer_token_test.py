"""What gatehouse-signer does when its token, its PIN or the way to the token is gone."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from support.signer_parts import MODULE, Fault, Signer, Token

ALGORITHM = "ecdsa-sha2-nistp256"
P11_KIT_CLIENT = Path("/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so")


class TokenFaults(unittest.TestCase):
    def setUp(self):
        self.token = Token()
        self.addCleanup(self.token.close)
        self.token.generate("k", "EC:prime256v1")

    def start(self, *labels, **options):
        signer = Signer(self.token, labels or ("k",), **options)
        self.addCleanup(signer.stop)
        return signer

    def fault_of(self, client, key):
        with self.assertRaises(Fault) as caught:
            client.sign_hash(key, ALGORITHM, bytes(32))
        return caught.exception.kind

    def test_token_gone_and_back(self):
        signer = self.start()
        self.assertTrue(signer.reaches("serving"))
        client = signer.client()
        key = client.keys()["k"]
        for _ in range(3):
            client.sign_hash(key, ALGORITHM, bytes(32))
            self.token.take_away()
            self.assertEqual(self.fault_of(client, key), "token away")
            began = time.monotonic()
            for _ in range(50):
                self.assertEqual(self.fault_of(client, key), "token away")
            self.assertLess(time.monotonic() - began, 1.0, "a token that is known to be away is told at once")
            self.assertEqual(client.health()["rung"], "away")
            self.token.bring_back()
            self.assertTrue(signer.reaches("serving"))
        self.assertIsNone(signer.process.poll())

    def test_token_made_anew_under_its_old_label_has_no_key(self):
        signer = self.start()
        self.assertTrue(signer.reaches("serving"))
        client = signer.client()
        key = client.keys()["k"]
        self.token.run("softhsm2-util", "--delete-token", "--token", self.token.label)
        self.token.run("softhsm2-util", "--init-token", "--free", "--label", self.token.label, "--so-pin", "12345678", "--pin", "987654")
        self.assertEqual(self.fault_of(client, key), "token away")
        self.assertIn("no private key", client.health()["detail"])

    def test_start_without_configuration_of_the_module(self):
        signer = self.start(environment=dict(os.environ, SOFTHSM2_CONF=str(self.token.folder / "no.conf")))
        self.assertTrue(signer.reaches("away"))
        self.assertIn("C_Initialize", signer.client().health()["detail"])

    def test_wrong_pin_is_tried_once(self):
        self.token.write_pin("000000")
        signer = self.start()
        self.assertTrue(signer.reaches("pin rejected"))
        time.sleep(2)
        refusals = signer.log.read_text().count("CKR_PIN_INCORRECT")
        self.assertEqual(refusals, 1, signer.log.read_text())
        self.assertIn("user PIN count low", self.token.flags())
        with open(self.token.pin_file, "w", encoding="ascii") as pin:  # in place: the signer's descriptor sees it
            pin.write("987654\n")
        self.assertTrue(signer.reaches("serving"))

    def test_logins_of_other_processes_do_not_stop_it(self):
        """SoftHSM 2.6 rewrites the token's file at each login, and a process that starts then may find no token."""
        signers = []
        for _ in range(6):
            signer = self.start()
            signers.append(signer)
            login = subprocess.Popen(["pkcs11-tool", "--module", MODULE, "--token-label", "lab", "--login", "--pin", "987654", "-O"],
                                     env=self.token.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertTrue(signer.reaches("serving"), signer.log.read_text())
            login.wait()
            signer.stop()


@unittest.skipUnless(P11_KIT_CLIENT.exists() and shutil.which("p11-kit"), "p11-kit is not installed")
class RemoteToken(unittest.TestCase):
    """p11-kit's remoting stands in for a network HSM that drops its connection."""

    def setUp(self):
        self.token = Token()
        self.addCleanup(self.token.close)
        self.token.generate("k", "EC:prime256v1")
        self.server = None
        self.serve()
        self.addCleanup(self.end)
        environment = dict(self.token.environment, P11_KIT_SERVER_ADDRESS=f"unix:path={self.token.folder}/p11.sock")
        self.signer = Signer(self.token, ["k"], module=P11_KIT_CLIENT, environment=environment)
        self.addCleanup(self.signer.stop)
        self.assertTrue(self.signer.reaches("serving"), self.signer.log.read_text())
        self.client = self.signer.client()
        self.key = self.client.keys()["k"]

    def serve(self):
        path = self.token.folder / "p11.sock"
        path.unlink(missing_ok=True)
        self.server = subprocess.Popen(["p11-kit", "server", "-f", "-n", str(path), "--provider", MODULE, f"pkcs11:token={self.token.label}"],
                                       env=self.token.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 5
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.01)

    def end(self):
        """The server and the children that serve its connections."""
        if self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def test_connection_lost_and_made_again(self):
        self.client.sign_hash(self.key, ALGORITHM, bytes(32))
        self.end()
        with self.assertRaises(Fault) as caught:
            self.client.sign_hash(self.key, ALGORITHM, bytes(32))
        self.assertEqual(caught.exception.kind, "token away")
        self.serve()
        self.assertTrue(self.signer.reaches("serving"))
        self.client.sign_hash(self.key, ALGORITHM, bytes(32))

    def test_connection_lost_between_two_requests_costs_none(self):
        self.client.sign_hash(self.key, ALGORITHM, bytes(32))
        self.end()
        self.serve()
        self.client.sign_hash(self.key, ALGORITHM, bytes(32))


if __name__ == "__main__":
    sys.exit(77) if MODULE is None else unittest.main()
