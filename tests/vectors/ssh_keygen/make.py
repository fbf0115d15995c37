#!/usr/bin/python3
"""Writes private_keys.txt, certificates.txt, sshsig.txt and krl.txt with ssh-keygen of OpenSSH 9.2p1 and puttygen 0.78 (Debian 12).

Run in this folder: ./make.py. Every run makes new keys; the tests know the fields, not the octets. The private keys guard nothing.
"""
import os
import subprocess
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
os.environ["TZ"] = "UTC"
TYPES = {"ed25519": ["ed25519"], "ecdsa_p256": ["ecdsa", "-b", "256"], "ecdsa_p384": ["ecdsa", "-b", "384"],
         "ecdsa_p521": ["ecdsa", "-b", "521"], "rsa": ["rsa", "-b", "2048"]}


def run(*command, stdin=None):
    return subprocess.run(command, check=True, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def content(name):
    with open(name, "rb") as file:
        return file.read()


def keygen(*arguments, stdin=None):
    return run("ssh-keygen", *arguments, stdin=stdin)


class File:
    def __init__(self, name, source):
        self.out = open(os.path.join(here, name), "w")
        self.out.write(f"# {source}, written by tests/vectors/ssh_keygen/make.py\n\n")

    def block(self, **fields):
        for name, value in fields.items():
            self.out.write(f"{name} = {value.hex() if isinstance(value, bytes) else str(value).strip()}\n")
        self.out.write("\n")


# Keys of every type, and what must be refused of them.
keys = File("private_keys.txt", "ssh-keygen -t TYPE of OpenSSH 9.2p1, puttygen 0.78 -O private-openssh-new")
for name, arguments in TYPES.items():
    keygen("-q", "-t", *arguments, "-N", "", "-C", f"{name} comment", "-f", name)
    fingerprint = keygen("-l", "-f", name + ".pub").split()
    keys.block(name=name, file=content(name), public=content(name + ".pub").decode(), bits=fingerprint[0].decode(),
               fingerprint=fingerprint[1].decode())
open("new", "w").close()
for name, arguments in {"putty_ed25519": ["-t", "ed25519"], "putty_ecdsa_p256": ["-t", "ecdsa", "-b", "256"],
                        "putty_rsa": ["-t", "rsa", "-b", "2048"]}.items():
    run("puttygen", "-q", *arguments, "--new-passphrase", "new", "-C", name, "-O", "private-openssh-new", "-o", name)
    os.chmod(name, 0o600)
    with open(name + ".pub", "wb") as file:
        file.write(keygen("-y", "-f", name))
    fingerprint = keygen("-l", "-f", name + ".pub").split()
    keys.block(name=name, file=content(name), public=content(name + ".pub").decode(), bits=fingerprint[0].decode(),
               fingerprint=fingerprint[1].decode())
keygen("-q", "-t", "ed25519", "-N", "secret", "-C", "", "-f", "encrypted")
keys.block(name="encrypted", refused=content("encrypted"))
keygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM", "-f", "pem")
keys.block(name="pem", refused=content("pem"))
keygen("-q", "-t", "dsa", "-N", "", "-f", "dsa")
keys.block(name="dsa", refused=content("dsa"), refused_public=content("dsa.pub").decode())
keygen("-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", "rsa_1024")
keys.block(name="rsa_1024", refused=content("rsa_1024"), refused_public=content("rsa_1024.pub").decode())

# Certificates: every subject, every CA and signature, every field at its edge.
certificates = File("certificates.txt", "ssh-keygen -s of OpenSSH 9.2p1")
for name, arguments in TYPES.items():
    keygen("-q", "-t", *arguments, "-N", "", "-C", "", "-f", "ca_" + name)


def certificate(name, subject, ca, *arguments, **known):
    run("cp", subject + ".pub", "subject.pub")
    keygen("-q", "-s", ca, *arguments, "subject.pub")
    certificates.block(name=name, line=content("subject-cert.pub").decode(), subject=content(subject + ".pub").decode(),
                       ca=content(ca + ".pub").decode(), **known)


WINDOW = ["-V", "20260102030405:20270102030405"]
for subject in TYPES:
    certificate(f"subject_{subject}", subject, "ca_ed25519", "-I", "an id", "-n", "alice,bob", "-z", "77", *WINDOW,
                signature="ssh-ed25519")
for ca, algorithm, signature in [("ca_ecdsa_p256", None, "ecdsa-sha2-nistp256"), ("ca_ecdsa_p384", None, "ecdsa-sha2-nistp384"),
                                 ("ca_ecdsa_p521", None, "ecdsa-sha2-nistp521"), ("ca_rsa", "rsa-sha2-256", "rsa-sha2-256"),
                                 ("ca_rsa", "rsa-sha2-512", "rsa-sha2-512"), ("ca_rsa", "ssh-rsa", "none")]:
    certificate(f"signed_{algorithm or signature}", "ed25519", ca, *(["-t", algorithm] if algorithm else []), "-I", "an id",
                "-n", "alice,bob", "-z", "77", *WINDOW, signature=signature)
certificate("host", "ed25519", "ca_ed25519", "-h", "-I", "host id", "-n", "host.example,10.0.0.1", "-z", "18446744073709551615",
            "-V", "always:forever", signature="ssh-ed25519")
certificate("no_principals", "ed25519", "ca_ed25519", "-I", "", *WINDOW, signature="ssh-ed25519")
certificate("many_principals", "ed25519", "ca_ed25519", "-I", "x", "-n", ",".join(f"p{i}" for i in range(256)), *WINDOW,
            signature="ssh-ed25519")
certificate("options", "ed25519", "ca_ed25519", "-I", "x", "-n", "alice", *WINDOW, "-O", "clear", "-O", "force-command=/bin/echo hi, there",
            "-O", "source-address=10.0.0.0/8,2001:db8::/32", "-O", "verify-required", "-O", "permit-pty", "-O", "no-touch-required",
            "-O", "critical:z@example.com=value", "-O", "critical:a@example.com", "-O", "extension:b@example.com=", "-O",
            "extension:session-end@gatehouse=1800000000", signature="ssh-ed25519")

# Signatures over messages.
signatures = File("sshsig.txt", "ssh-keygen -Y sign of OpenSSH 9.2p1")
MESSAGE = b"a message\x00of octets\n"
for subject in TYPES:
    for digest in ("sha256", "sha512"):
        armor = keygen("-Y", "sign", "-q", "-n", "gatehouse-possession", "-O", f"hashalg={digest}", "-f", subject, stdin=MESSAGE)
        signatures.block(name=f"{subject}_{digest}", armor=armor, message=MESSAGE, namespace="gatehouse-possession",
                         public=content(subject + ".pub").decode())
run("cp", "ed25519", "certified")
run("cp", "ed25519.pub", "certified.pub")
keygen("-q", "-s", "ca_rsa", "-I", "x", "-n", "alice", *WINDOW, "certified.pub")
armor = keygen("-Y", "sign", "-q", "-n", "gatehouse-identity", "-f", "certified-cert.pub", stdin=MESSAGE)
signatures.block(name="by_certificate", armor=armor, message=MESSAGE, namespace="gatehouse-identity",
                 public=content("ed25519.pub").decode())

# Revocation lists. First the keys and certificates that are asked for, then for each list what ssh-keygen -Q says of them.
lists = File("krl.txt", "ssh-keygen -k of OpenSSH 9.2p1, answers of ssh-keygen -Q")
for serial in (1, 5, 6, 100, 1000, 5000000000, 18446744073709551615):
    run("cp", "ed25519.pub", f"s{serial}.pub")
    keygen("-q", "-s", "ca_ed25519", "-I", f"id {serial}", "-n", "alice", "-z", str(serial), *WINDOW, f"s{serial}.pub")
run("cp", "ed25519.pub", "other.pub")
keygen("-q", "-s", "ca_rsa", "-I", "id 5", "-n", "alice", "-z", "5", *WINDOW, "other.pub")
run("cp", "rsa.pub", "zero.pub")
keygen("-q", "-s", "ca_ed25519", "-I", "zero", "-n", "alice", "-z", "0", *WINDOW, "zero.pub")
ASKED = [f"s{serial}-cert.pub" for serial in (1, 5, 6, 100, 1000, 5000000000, 18446744073709551615)] + [
    "other-cert.pub", "zero-cert.pub"] + [name + ".pub" for name in TYPES]
for asked in ASKED:
    lists.block(asked=asked, line=content(asked).decode())


def revocation_list(name, spec, *arguments):
    with open("spec", "w") as file:
        file.write(spec)
    keygen("-q", "-k", "-f", "list.krl", "-z", "42", *arguments, "spec")
    revoked, free = [], []
    for asked in ASKED:
        answer = subprocess.run(["ssh-keygen", "-Q", "-f", "list.krl", asked], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (revoked if answer.returncode else free).append(asked)
    lists.block(name=name, krl=content("list.krl"), version=42, revoked=" ".join(revoked) or "-", free=" ".join(free) or "-")


CA = ["-s", "ca_ed25519.pub"]
revocation_list("empty", "")
revocation_list("serial", "serial: 5\n", *CA)
revocation_list("serial_range", "serial: 5-999\n", *CA)
revocation_list("serial_list", "".join(f"serial: {n}\n" for n in (1, 100, 5000000000, 18446744073709551615)), *CA)
revocation_list("serial_bitmap", "".join(f"serial: {n}\n" for n in range(1, 2000, 3)), *CA)
revocation_list("any_ca", "serial: 5\nid: id 100\n", "-s", "none")
revocation_list("key_id", "id: id 6\nid: zero\n", *CA)
revocation_list("explicit_key", "key: " + content("rsa.pub").decode())
revocation_list("explicit_ca", "key: " + content("ca_ed25519.pub").decode())
revocation_list("sha1", "sha1: " + content("ecdsa_p256.pub").decode())
revocation_list("sha256", "sha256: " + content("ecdsa_p384.pub").decode())
revocation_list("hash", "hash: " + keygen("-l", "-f", "ecdsa_p521.pub").split()[1].decode() + "\n")
revocation_list("mixed", "serial: 1\nserial: 3-7\nid: id 1000\n" + "key: " + content("ecdsa_p256.pub").decode() + "sha256: " +
                content("rsa.pub").decode(), *CA)
