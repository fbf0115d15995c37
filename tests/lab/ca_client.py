"""A client of the CA's API in the words of its documentation: JSON over TLS, signatures by stock ssh-keygen."""
import base64
import json
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from lab.layout import BedError


class Refused(BedError):
    """The CA said no: its problem document."""

    def __init__(self, status, document):
        self.status, self.document = status, document
        word = document.get("type", "").rpartition(":")[2]
        super().__init__(f"the CA refused ({status} {word}): {document.get('title', '')}: {document.get('detail', '')}")

    @property
    def word(self):
        return self.document.get("type", "").rpartition(":")[2]


def sshsig(key, name_space, octets):
    """Armoured signature by a private key file."""
    with tempfile.TemporaryDirectory() as folder:
        message = Path(folder, "message")
        message.write_bytes(octets)
        done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", name_space, str(message)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise BedError(f"ssh-keygen -Y sign failed: {done.stderr.strip()}")
        return Path(folder, "message.sig").read_text()


class CaClient:
    def __init__(self, url, tls_ca):
        self.url = url
        self.tls = ssl.create_default_context(cafile=str(tls_ca))
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3

    def call(self, path, body=None, headers=None, raw=False):
        """GET, or POST when there is a body. @return the JSON object, or octets and headers with raw"""
        request = urllib.request.Request(self.url + path, data=None if body is None else json.dumps(body).encode(), headers=headers or {})
        if body is not None:
            request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls))
        try:
            with opener.open(request, timeout=30) as answer:
                content = answer.read()
                return (content, answer.headers) if raw else json.loads(content)
        except urllib.error.HTTPError as no:
            content = no.read()
            try:
                document = json.loads(content)
            except ValueError:
                document = {"detail": content.decode(errors="replace")[:500]}
            raise Refused(no.code, document) from None
        except (urllib.error.URLError, OSError) as mistake:
            raise BedError(f"the CA at {self.url} does not answer: {mistake}") from None

    def health(self):
        """Status and document of /healthz; None when nothing answers."""
        try:
            return 200, self.call("/healthz")
        except Refused as no:
            return no.status, no.document
        except BedError:
            return None

    def user_certificate(self, key, user, password=None, identity_key=None, possession_key=None, **members):
        """A certificate for the public key beside `key`. The proof is a password, or a signature by an enrolled key.
        @param possession_key  signs in place of `key`"""
        nonce = self.call("/v1/nonces")
        request = {"audience": nonce["audience"], "action": "user-certificate", "nonce": nonce["nonce"],
                   "public_key": " ".join(Path(f"{key}.pub").read_text().split()[:2]), **members}
        headers = {}
        if identity_key is not None:
            request["account"] = user
        octets = json.dumps(request).encode()
        body = {"request": base64.b64encode(octets).decode(), "possession": sshsig(possession_key or key, "gatehouse-possession", octets)}
        if identity_key is not None:
            body["identity"] = sshsig(identity_key, "gatehouse-identity", octets)
        else:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.call("/v1/certificates/user", body, headers)

    def revoke(self, user, password, **members):
        nonce = self.call("/v1/nonces")
        octets = json.dumps({"audience": nonce["audience"], "action": "revoke", "nonce": nonce["nonce"], **members}).encode()
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        return self.call("/v1/revocations", {"request": base64.b64encode(octets).decode()}, headers)
