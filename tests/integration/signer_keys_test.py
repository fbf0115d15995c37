"""Signatures of gatehouse-signer over keys that pkcs11-tool made, verified by the openssl command."""
import os
import sys
import unittest

from support.signer_parts import MODULE, Fault, Signer, Token, openssl_verifies

KINDS = {
    "ed25519": ("EC:edwards25519", ["ssh-ed25519"]),
    "p256": ("EC:prime256v1", ["ecdsa-sha2-nistp256"]),
    "p384": ("EC:secp384r1", ["ecdsa-sha2-nistp384"]),
    "p521": ("EC:secp521r1", ["ecdsa-sha2-nistp521"]),
    "rsa2048": ("rsa:2048", ["rsa-sha2-256", "rsa-sha2-512"]),
    "rsa3072": ("rsa:3072", ["rsa-sha2-256", "rsa-sha2-512"]),
    "rsa4096": ("rsa:4096", ["rsa-sha2-256", "rsa-sha2-512"]),
}


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token()
        for label, (kind, _) in KINDS.items():
            cls.token.generate(label, kind)
        cls.signer = Signer(cls.token, KINDS)
        assert cls.signer.reaches("serving"), cls.signer.log.read_text()
        cls.client = cls.signer.client()

    @classmethod
    def tearDownClass(cls):
        cls.signer.stop()
        cls.token.close()

    def test_each_kind_signs_by_each_of_its_algorithms(self):
        keys = self.client.keys()
        self.assertEqual(set(keys), set(KINDS))
        for label, (_, algorithms) in KINDS.items():
            for algorithm in algorithms:
                with self.subTest(key=label, algorithm=algorithm):
                    for _ in range(20):  # short r, s and RSA results come up by chance
                        digest = os.urandom(32)
                        signature = self.client.sign_hash(keys[label], algorithm, digest)
                        self.assertTrue(openssl_verifies(self.token.folder, keys[label], algorithm, digest, signature))
                        self.assertFalse(openssl_verifies(self.token.folder, keys[label], algorithm, b"another", signature))

    def test_an_algorithm_of_another_key_is_refused(self):
        key = self.client.keys()["p256"]
        for algorithm in ("ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp384"):
            with self.assertRaises(Fault):
                self.client.sign_hash(key, algorithm, bytes(32))


if __name__ == "__main__":
    sys.exit(77) if MODULE is None else unittest.main()
