"""A SoftHSM2 token and a gatehouse-signer over it, spoken to from outside: with our own frames, judged by the openssl command."""
import base64
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

BIN = Path(os.environ["GH_BIN"])
MODULE = next(iter(sorted(glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/softhsm/libsofthsm2.so"))), None)
PIN = "987654"
VERSION = 1

FAULTS = ("refused", "bad request", "token away", "PIN rejected", "key missing", "busy", "failed")
RUNGS = ("starting", "serving", "reopening", "initialising", "away", "pin rejected")


def string(value):
    octets = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(octets)) + octets


class Reader:
    def __init__(self, octets):
        self.octets = octets

    def take(self, count):
        value, self.octets = self.octets[:count], self.octets[count:]
        return value

    def byte(self):
        return self.take(1)[0]

    def number(self):
        return struct.unpack(">I", self.take(4))[0]

    def long(self):
        return struct.unpack(">Q", self.take(8))[0]

    def string(self):
        return self.take(self.number())


class Token:
    """A token in a temporary folder, with its configuration and PIN file."""

    def __init__(self, label="lab"):
        self.folder = Path(tempfile.mkdtemp(prefix="gatehouse-token-"))
        self.label = label
        self.store = self.folder / "objects"
        self.store.mkdir(mode=0o700)
        self.conf = self.folder / "softhsm2.conf"
        self.conf.write_text(f"directories.tokendir = {self.store}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n")
        self.environment = dict(os.environ, SOFTHSM2_CONF=str(self.conf))
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN)
        self.pin_file = self.folder / "pin"
        self.write_pin(PIN)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *argv, **options):
        return subprocess.run(list(map(str, argv)), env=self.environment, check=True, capture_output=True, **options).stdout

    def write_pin(self, pin, mode=0o600):
        self.pin_file.unlink(missing_ok=True)
        self.pin_file.write_text(pin + "\n")
        self.pin_file.chmod(mode)

    def uri(self, label):
        return f"pkcs11:token={self.label};object={label}"

    def generate(self, label, kind):
        """@param kind  as pkcs11-tool says it: EC:prime256v1, EC:edwards25519, rsa:3072"""
        self.run("pkcs11-tool", "--module", MODULE, "--token-label", self.label, "--login", "--pin", PIN, "--keypairgen",
                 "--key-type", kind, "--label", label, "--id", os.urandom(8).hex(), "--sensitive")

    def take_away(self):
        self.store.rename(self.folder / "elsewhere")

    def bring_back(self):
        (self.folder / "elsewhere").rename(self.store)

    def flags(self):
        """What the token says about itself, as pkcs11-tool shows it."""
        return self.run("pkcs11-tool", "--module", MODULE, "-L").decode()


class Fault(Exception):
    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Client:
    """One connection."""

    def __init__(self, path, seconds=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.ask(b"\x01" + struct.pack(">I", VERSION))

    def close(self):
        self.socket.close()

    def receive(self, count):
        octets = b""
        while len(octets) < count:
            part = self.socket.recv(count - len(octets))
            if not part:
                raise ConnectionError("the signer closed the connection")
            octets += part
        return octets

    def ask(self, payload):
        self.socket.sendall(struct.pack(">IB", len(payload), 0) + payload)
        size, _ = struct.unpack(">IB", self.receive(5))
        answer = Reader(self.receive(size))
        kind = answer.byte()
        if kind == 255:
            raise Fault(FAULTS[answer.byte()], answer.string().decode())
        return answer

    def keys(self):
        """Key blobs by label."""
        answer = self.ask(b"\x02")
        found = {}
        for _ in range(answer.number()):
            _uri, label, blob = answer.string(), answer.string(), answer.string()
            found[label.decode()] = blob
        return found

    def health(self):
        answer = self.ask(b"\x03")
        return {"rung": RUNGS[answer.byte()], "detail": answer.string().decode(), "since": answer.long(), "signatures": answer.long(),
                "refusals": answer.long(), "recoveries": answer.long()}

    def sign_hash(self, key, algorithm, digest):
        """@return the octets inside the signature blob"""
        blob = Reader(self.ask(b"\x0a" + string(key) + string(algorithm) + string(digest)).string())
        if blob.string().decode() != algorithm:
            raise AssertionError("the signature names another algorithm")
        return blob.string()


class Signer:
    """gatehouse-signer with purpose host; its log is kept for who wants to read it."""

    def __init__(self, token, labels, module=None, environment=None):
        self.path = token.folder / "signer.sock"
        self.path.unlink(missing_ok=True)
        self.log = token.folder / "signer.log"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen(64)
        pin = os.open(token.pin_file, os.O_RDONLY)
        argv = [BIN / "gatehouse-signer", "--purpose", "host", "--module", module or MODULE, "--listen-fd", listener.fileno(), "--pin-fd", pin]
        for label in labels:
            argv += ["--key", token.uri(label)]
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(list(map(str, argv)), pass_fds=(listener.fileno(), pin), stderr=output,
                                            env=environment or token.environment)
        listener.close()
        os.close(pin)
        self.clients = []

    def client(self):
        self.clients.append(Client(self.path))
        return self.clients[-1]

    def reaches(self, rung, seconds=10):
        client = self.client()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if client.health()["rung"] == rung:
                return True
            time.sleep(0.01)
        return False

    def stop(self):
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def der_length(size):
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def der_integer(value):
    octets = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + der_length(len(octets)) + octets


def openssl_verifies(folder, key, algorithm, data, signature):
    """Whether the openssl command finds the signature good. @param key  SSH key blob; signature  the octets inside the signature blob"""
    kind = Reader(key).string().decode()
    public = folder / "key.pub"
    public.write_text(f"{kind} {base64.b64encode(key).decode()}\n")
    pem = folder / "key.pem"
    if kind == "ssh-ed25519":  # RFC 8410 section 4: SubjectPublicKeyInfo
        reader = Reader(key)
        reader.string()
        info = bytes.fromhex("302a300506032b6570032100") + reader.string()
        pem.write_text("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(info).decode() + "\n-----END PUBLIC KEY-----\n")
    else:
        pem.write_bytes(subprocess.run(["ssh-keygen", "-e", "-m", "PKCS8", "-f", str(public)], check=True, capture_output=True).stdout)
    if kind.startswith("ecdsa"):
        parts = Reader(signature)
        pair = b"".join(der_integer(int.from_bytes(parts.string(), "big")) for _ in range(2))
        signature = b"\x30" + der_length(len(pair)) + pair
    (folder / "data").write_bytes(data)
    (folder / "signature").write_bytes(signature)
    if kind == "ssh-ed25519":
        argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", folder / "data", "-sigfile", folder / "signature"]
    else:
        digest = {"ecdsa-sha2-nistp256": "sha256", "ecdsa-sha2-nistp384": "sha384", "ecdsa-sha2-nistp521": "sha512",
                  "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512"}[algorithm]
        argv = ["openssl", "dgst", f"-{digest}", "-verify", pem, "-signature", folder / "signature", folder / "data"]
    return subprocess.run(list(map(str, argv)), capture_output=True).returncode == 0
