"""paramiko logs in with a certificate and runs commands over several channels of one connection."""
import hashlib
import os

from integration.bed import BedTest, main, skip_all

try:
    import paramiko
except ImportError:
    skip_all("no python3-paramiko")


class Paramiko(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.login()

    def connect(self, kind=paramiko.Ed25519Key, name="ed25519", bits=None):
        path = self.bed.folder / f"paramiko-{name}-{bits}"
        if not path.exists():
            self.bed.new_key(path.name, name, bits)
            self.bed.login(key=path)
        key = kind.from_private_key_file(str(path))
        key.load_certificate(f"{path}-cert.pub")
        client = paramiko.SSHClient()
        port = int(self.bed.variables["GH_SSHD_PORT"])
        for public in ("host-ed25519", "host-ecdsa", "host-rsa"):
            words = self.bed.path("trust", f"{public}.pub").read_text().split()
            entry = paramiko.hostkeys.HostKeyEntry.from_line(f"[127.0.0.1]:{port} {words[0]} {words[1]}")
            client.get_host_keys().add(f"[127.0.0.1]:{port}", words[0], entry.key)
        client.connect("127.0.0.1", port, username=self.bed.person, pkey=key, look_for_keys=False, allow_agent=False, timeout=20)
        self.addCleanup(client.close)
        return client

    def test_each_kind_of_user_key(self):
        for kind, name, bits in ((paramiko.Ed25519Key, "ed25519", None), (paramiko.ECDSAKey, "ecdsa", 256), (paramiko.ECDSAKey, "ecdsa", 521)):
            with self.subTest(name=name, bits=bits):
                _, output, _ = self.connect(kind, name, bits).exec_command("echo in; exit 5")
                self.assertEqual(output.read(), b"in\n")
                self.assertEqual(output.channel.recv_exit_status(), 5)

    def test_several_channels_at_once(self):
        client = self.connect()
        opened = [client.exec_command(f"cat; echo {number} >&2") for number in range(5)]
        for number, (to_command, _, _) in enumerate(opened):
            to_command.write(f"line {number}\n")
            to_command.channel.shutdown_write()
        for number, (_, output, errors) in enumerate(opened):
            self.assertEqual((output.read(), errors.read()), (f"line {number}\n".encode(), f"{number}\n".encode()))

    def test_bulk_data_has_the_same_hash(self):
        data = os.urandom(1_000_000) * 10
        to_command, output, _ = self.connect().exec_command("sha256sum")
        to_command.channel.sendall(data)
        to_command.channel.shutdown_write()
        self.assertEqual(output.read().split()[0].decode(), hashlib.sha256(data).hexdigest())

    def test_a_terminal_with_a_size(self):
        channel = self.connect().get_transport().open_session()
        channel.get_pty("xterm", 91, 33)
        channel.exec_command("stty size")
        self.assertEqual(channel.makefile().read().split(), [b"33", b"91"])


if __name__ == "__main__":
    main()
