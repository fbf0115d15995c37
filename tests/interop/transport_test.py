"""Our transport, authentication and channels against other implementations over real sockets: OpenSSH in both roles, with each
algorithm and with rekeys, PuTTY, Dropbear and paramiko as clients."""
import hashlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ENDPOINT = os.path.join(os.environ["GH_BIN"], "..", "tests", "bin", "ssh_endpoint")
KEX = ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"]
AEAD = ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
CTR = ["aes128-ctr", "aes192-ctr", "aes256-ctr"]
MACS = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"]
SUITES = [(cipher, "hmac-sha2-256") for cipher in AEAD] + [(cipher, mac) for cipher in CTR for mac in MACS]
HOST_KEYS = [("ed25519", "ssh-ed25519"), ("ecdsa256", "ecdsa-sha2-nistp256"), ("ecdsa384", "ecdsa-sha2-nistp384"),
             ("ecdsa521", "ecdsa-sha2-nistp521"), ("rsa", "rsa-sha2-512"), ("rsa", "rsa-sha2-256")]
USER_KEYS = [("ed25519", []), ("ecdsa", ["-b", "256"]), ("ecdsa", ["-b", "384"]), ("ecdsa", ["-b", "521"]), ("rsa", ["-b", "3072"])]
DATA = random.Random(4254).randbytes(2 * 1024 * 1024 + 17)


class Server:
    """ssh_endpoint in the server's role, for one connection."""

    def __init__(self, key_type, authorized, *options):
        self.process = subprocess.Popen([ENDPOINT, "server", key_type, authorized, "verbose=1", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port, self.fingerprint = self.process.stdout.readline().split()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def log(self):
        """What it printed, once its connection has ended."""
        return self.process.communicate(timeout=30)[1]


class WithFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="gatehouse-interop-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.key = cls.new_key("id", "ed25519")

    @classmethod
    def new_key(cls, name, kind, *options):
        path = os.path.join(cls.folder, name)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-f", path], check=True)
        return path

    def ssh(self, port, *options, command="cat", data=DATA, key=None):
        return subprocess.run(["ssh", "-F", "none", "-T", "-i", key or self.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                               "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                               *options, "-p", port, "someone@127.0.0.1", command],
                              input=data, capture_output=True, timeout=60)


class OpenSshClient(WithFolder):
    def check(self, server, *options, **how):
        done = self.ssh(server.port, *options, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(DATA).hexdigest())
        return server.log()

    def test_each_key_exchange_method(self):
        for kex in KEX:
            with self.subTest(kex), Server("ed25519", self.key + ".pub") as server:
                self.assertIn("keys: " + kex + " ", self.check(server, "-o", "KexAlgorithms=" + kex))

    def test_each_cipher_and_mac_with_rekeys_by_the_client(self):
        for cipher, mac in SUITES:
            with self.subTest(cipher + " " + mac), Server("ed25519", self.key + ".pub") as server:
                log = self.check(server, "-c", cipher, "-m", mac, "-o", "RekeyLimit=500K")
                self.assertIn(cipher, log)
                self.assertGreater(log.count("(rekey)"), 2)

    def test_each_cipher_and_mac_with_rekeys_by_the_server(self):
        for cipher, mac in SUITES:
            with self.subTest(cipher + " " + mac), Server("ed25519", self.key + ".pub", "rekey_bytes=500000") as server:
                self.assertGreater(self.check(server, "-c", cipher, "-m", mac).count("(rekey)"), 1)

    def test_each_kind_of_host_key(self):
        for kind, algorithm in HOST_KEYS:
            with self.subTest(algorithm), Server(kind, self.key + ".pub") as server:
                self.assertIn(algorithm, self.check(server, "-o", "HostKeyAlgorithms=" + algorithm))

    def test_each_kind_of_user_key_and_certificate(self):
        ca = self.new_key("ca", "ed25519")
        for number, (kind, options) in enumerate(USER_KEYS):
            key = self.new_key("user%d" % number, kind, *options)
            with self.subTest(key=kind + "".join(options)), Server("ed25519", key + ".pub") as server:
                self.assertIn("hostbound", self.check(server, key=key))
            subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "id", "-n", "someone", key + ".pub"], check=True)
            with self.subTest(certificate=kind + "".join(options)), Server("ed25519", key + ".pub") as server:
                log = self.check(server, "-o", "PubkeyAcceptedAlgorithms=*-cert-v01@openssh.com", key=key)
                self.assertIn("-cert-v01@openssh.com", log)

    def test_another_key_is_denied(self):
        other = self.new_key("other", "ed25519")
        with Server("ed25519", self.key + ".pub") as server:
            done = self.ssh(server.port, key=other)
            self.assertEqual(done.returncode, 255)
            self.assertIn(b"Permission denied (publickey)", done.stderr)

    def test_sha1_signatures_are_denied(self):
        key = self.new_key("rsa_sha1", "rsa", "-b", "3072")
        with Server("ed25519", key + ".pub") as server:
            done = self.ssh(server.port, "-o", "PubkeyAcceptedAlgorithms=ssh-rsa", key=key)
            self.assertEqual(done.returncode, 255)

    def test_the_exit_status_comes_through(self):
        with Server("ed25519", self.key + ".pub") as server:
            self.assertEqual(self.ssh(server.port, command="exit 37", data=b"").returncode, 37)

    def test_a_command_without_input(self):
        with Server("ed25519", self.key + ".pub") as server:
            done = self.ssh(server.port, command="source 5000000", data=b"")
            self.assertEqual(len(done.stdout), 5000000)


class OpenSshServer(WithFolder):
    """Our client and a stock sshd, which runs for this user alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        if sshd is None:
            raise unittest.SkipTest("no sshd is installed")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            cls.port = str(probe.getsockname()[1])
        cls.user = os.environ.get("USER") or subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        cls.host_key = cls.new_key("host", "ed25519")
        cls.ca = cls.new_key("ca", "ed25519")
        config = os.path.join(cls.folder, "sshd_config")
        with open(config, "w", encoding="ascii") as file:
            file.write("ListenAddress 127.0.0.1:%s\nHostKey %s\nAuthorizedKeysFile %s.pub\nTrustedUserCAKeys %s.pub\nStrictModes no\n"
                       "UsePAM no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n" %
                       (cls.port, cls.host_key, cls.key, cls.ca))
        cls.log = open(os.path.join(cls.folder, "log"), "w+b")
        cls.addClassCleanup(cls.log.close)
        cls.process = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=cls.log)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.terminate)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(cls.port))) == 0:
                    break
            time.sleep(0.05)

    def client(self, *options, command="cat", data=DATA, key=None):
        return subprocess.run([ENDPOINT, "client", self.port, self.user, key or self.key, command, "verbose=1", *options],
                              input=data, capture_output=True, timeout=60)

    def check(self, *options, **how):
        done = self.client(*options, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(DATA).hexdigest())
        return done.stderr.decode()

    def test_each_key_exchange_method(self):
        for kex in KEX:
            with self.subTest(kex):
                self.assertIn("keys: " + kex + " ", self.check("kex=" + kex))

    def test_each_cipher_and_mac_with_rekeys(self):
        for cipher, mac in SUITES:
            with self.subTest(cipher + " " + mac):
                log = self.check("ciphers=" + cipher, "macs=" + mac, "rekey_bytes=500000")
                self.assertIn(cipher, log)
                self.assertGreater(log.count("(rekey)"), 2)

    def test_a_certificate(self):
        key = self.new_key("certified", "rsa", "-b", "3072")
        subprocess.run(["ssh-keygen", "-q", "-s", self.ca, "-I", "id", "-n", self.user, key + ".pub"], check=True)
        self.check("certificate=" + key + "-cert.pub", key=key)

    def test_the_exit_status_comes_through(self):
        self.assertEqual(self.client(command="exit 37", data=b"").returncode, 37)

    def test_another_key_is_denied(self):
        done = self.client(key=self.new_key("other", "ed25519"))
        self.assertEqual(done.returncode, 255)
        self.assertIn(b"permission denied", done.stderr)


class OtherClients(WithFolder):
    def test_plink(self):
        if not shutil.which("plink") or not shutil.which("puttygen"):
            self.skipTest("no PuTTY")
        ppk = os.path.join(self.folder, "id.ppk")
        subprocess.run(["puttygen", self.key, "-o", ppk], check=True)
        sessions = os.path.join(self.folder, "home", ".putty", "sessions")
        os.makedirs(sessions)
        for cipher in ("aes", "aesgcm", "chacha20"):
            with self.subTest(cipher), Server("ed25519", self.key + ".pub") as server:
                with open(os.path.join(sessions, "bed"), "w", encoding="ascii") as file:
                    file.write("HostName=127.0.0.1\nPortNumber=%s\nProtocol=ssh\nCipher=%s,WARN\nUserName=someone\nRekeyBytes=500K\n" %
                               (server.port, cipher))
                done = subprocess.run(["plink", "-batch", "-load", "bed", "-hostkey", server.fingerprint, "-i", ppk, "cat"], input=DATA,
                                      capture_output=True, timeout=60, env={**os.environ, "HOME": os.path.join(self.folder, "home")},
                                      check=False)
                self.assertEqual(done.returncode, 0, done.stderr[-2000:])
                self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(DATA).hexdigest())
                self.assertGreater(server.log().count("(rekey)"), 1)

    def test_dropbear(self):
        if not shutil.which("dbclient") or not shutil.which("dropbearconvert"):
            self.skipTest("no Dropbear client")
        converted = os.path.join(self.folder, "id.dropbear")
        subprocess.run(["dropbearconvert", "openssh", "dropbear", self.key, converted], check=True, capture_output=True)
        with Server("ed25519", self.key + ".pub") as server:
            done = subprocess.run(["dbclient", "-y", "-y", "-T", "-i", converted, "-p", server.port, "someone@127.0.0.1", "cat"],
                                  input=DATA, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr[-2000:])
            self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(DATA).hexdigest())

    def test_paramiko(self):
        if subprocess.run(["/usr/bin/python3", "-c", "import paramiko"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no paramiko")
        # Rekeys stand between the data: paramiko waits for itself when a CLOSE arrives during one.
        script = ("import sys, paramiko\n"
                  "client = paramiko.SSHClient()\n"
                  "client.set_missing_host_key_policy(paramiko.AutoAddPolicy())\n"
                  "key = paramiko.Ed25519Key.from_private_key_file(sys.argv[2])\n"
                  "client.connect('127.0.0.1', int(sys.argv[1]), 'someone', pkey=key, look_for_keys=False, allow_agent=False)\n"
                  "stdin, out, _ = client.exec_command('cat')\n"
                  "for i in range(4):\n"
                  "    data = bytes([i]) * 500000\n"
                  "    stdin.write(data)\n"
                  "    stdin.flush()\n"
                  "    assert out.read(500000) == data\n"
                  "    client.get_transport().renegotiate_keys()\n"
                  "out.channel.shutdown_write()\n"
                  "print(len(out.read()), out.channel.recv_exit_status())\n")
        with Server("ed25519", self.key + ".pub") as server:
            done = subprocess.run(["/usr/bin/python3", "-W", "ignore", "-c", script, server.port, self.key], capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(done.stdout.split(), ["0", "0"], done.stderr[-2000:])
            self.assertEqual(server.log().count("(rekey)"), 4)


if __name__ == "__main__":
    if not os.path.exists(ENDPOINT):
        sys.exit("not built: " + ENDPOINT)
    unittest.main()
