"""A small certificate authority for TLS on loopback, made with openssl(1)."""
import subprocess

from lab.layout import BedError


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise BedError(f"openssl {words[0]} failed: {done.stderr.strip()[-500:]}")


def make_authority(folder, name):
    """ca.pem and ca.key in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    (folder / "ca.key").chmod(0o600)
    return folder / "ca.pem"


def make_server_certificate(authority, folder, name):
    """server.pem and server.key in `folder`, for 127.0.0.1 and localhost, signed by the authority in the other folder."""
    folder.mkdir(parents=True, exist_ok=True)
    request, extensions = folder / "server.csr", folder / "server.ext"
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", folder / "server.key", "-out", request)
    extensions.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                          "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", request, "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial", "-days", "825",
            "-extfile", extensions, "-out", folder / "server.pem")
    (folder / "server.key").chmod(0o600)
    return folder / "server.pem", folder / "server.key"
