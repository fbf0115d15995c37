"""Free ports on loopback, below the range from which the kernel takes ports for outgoing connections."""
import random
import socket


def is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that a port whose last connections are still in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(taken=()):
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        if port not in taken and is_free(port):
            return port
    raise OSError("no free port on 127.0.0.1 between 12000 and 32000")
