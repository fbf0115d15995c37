"""The bed's long-running parts: how each is started and when it answers."""
import socket

from lab import directory, namespace
from lab.ca_client import CaClient
from lab.layout import BedError
from lab.processes import alive, spawn, stop, wait_until
from lab.tokens import ca_token, host_token

# In the order of their start.
PARTS = ("slapd", "ca", "sshd")


def client(bed):
    return CaClient(f"https://127.0.0.1:{bed.port('ca')}", bed.path("tls", "ca", "ca.pem"))


def start_slapd(bed):
    directory.start(bed)


def start_ca(bed):
    spawn(bed, "ca", [bed.program("gatehouse-ca"), "-f", bed.path("ca.toml")], env=ca_token(bed).environment)
    api = client(bed)
    wait_until(bed, "ca", lambda: api.health() is not None)
    # All parts up, or what the caller's configuration makes of them.
    try:
        wait_until(bed, "ca", lambda: api.health()[0] == 200, seconds=10)
    except (BedError, TypeError):
        if not alive(bed, "ca"):
            raise
        bed.notes.append(f"the CA answers, and says that it is not well: {api.health()}")


def start_sshd(bed):
    spawn(bed, "sshd", [bed.program("gatehouse-sshd"), "-D", "-f", bed.path("sshd_config"),
                        "-E", bed.path("log", "sshd.log")], env=host_token(bed).environment)
    wait_until(bed, "sshd", lambda: greets(bed))


def greets(bed):
    """Whether the server sends its identification string."""
    try:
        with socket.create_connection(("127.0.0.1", bed.port("sshd")), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def start(bed, name):
    {"slapd": start_slapd, "ca": start_ca, "sshd": start_sshd}[name](bed)


def stop_all(bed):
    """Also what outlives its part: sessions, their children, signers with clients."""
    for name in reversed(PARTS):
        stop(bed, name)
    if "namespace" in bed.state["parts"]:
        namespace.end(bed)
