"""Our certificates, trusted keys and revocation list, with a stock sshd and stock ssh-keygen."""
import os
import shutil
import socket
import subprocess
import time

from integration.bed import AS_ROOT, BedTest, client_environment, main, skip_all
from lab import ports, processes, settings, up

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


class StockSshd(BedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bed = cls.bed
        cls.port = ports.free_port()
        bed.new_key("stock-host-key")
        if AS_ROOT:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = bed.folder / "stock_sshd_config"
        config.write_text(f"""Port {cls.port}
ListenAddress 127.0.0.1
HostKey {bed.folder}/stock-host-key
TrustedUserCAKeys {bed.variables['GH_TRUSTED_CA']}
RevokedKeys {bed.variables['GH_KRL']}
AuthorizedKeysFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
""")
        cls.server = subprocess.Popen(processes.entered(bed.layout, [SSHD, "-D", "-e", "-f", config]), stdin=subprocess.DEVNULL,
                                      stderr=open(bed.folder / "stock.log", "wb"), env=client_environment())
        cls.addClassCleanup(cls.end)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", cls.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        cls.known = bed.folder / "stock_known_hosts"
        cls.known.write_text(f"[127.0.0.1]:{cls.port} " + (bed.folder / "stock-host-key.pub").read_text())

    @classmethod
    def end(cls):
        cls.server.terminate()
        cls.server.wait()

    def ssh(self, *command):
        return self.bed.ssh(*command, flags=["-p", str(self.port)], options=[f"UserKnownHostsFile={self.known}"])

    def test_accepts_our_certificate_and_refuses_it_once_revoked(self):
        answer = self.bed.login()
        done = self.ssh("echo in")
        self.assertEqual((done.returncode, done.stdout), (0, "in\n"), done.stderr + (self.bed.folder / "stock.log").read_text())
        self.bed.ca.revoke("hostmaster", "hostmaster-password", serials=[answer["serial"]], reason="test")
        up.fetch_krl(self.bed.layout)
        self.assertEqual(self.ssh("echo in").returncode, 255)
        certificate = self.bed.path("users", self.bed.person, "id_ed25519-cert.pub")
        query = subprocess.run(["ssh-keygen", "-Qf", self.bed.variables["GH_KRL"], certificate], stdout=subprocess.PIPE, text=True)
        self.assertIn("REVOKED", query.stdout)

    def test_ssh_keygen_reads_the_certificate(self):
        answer = self.bed.login()
        certificate = self.bed.path("users", self.bed.person, "id_ed25519-cert.pub")
        shown = subprocess.run(["ssh-keygen", "-L", "-f", certificate], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertIn("Type: ssh-ed25519-cert-v01@openssh.com user certificate", shown)
        self.assertIn(f"Serial: {answer['serial']}\n", shown)
        self.assertIn(f"Principals: \n                {self.bed.person}\n", shown)
        self.assertIn("permit-pty\n", shown)

    def test_ssh_keygen_reads_the_host_certificates(self):
        self.assertEqual(len(settings.host_certificates(self.bed.layout)), len(settings.HOST_KEYS))
        for certificate in settings.host_certificates(self.bed.layout):
            shown = subprocess.run(["ssh-keygen", "-L", "-f", certificate], stdout=subprocess.PIPE, text=True,
                                   check=True).stdout
            self.assertIn("host certificate", shown)
            self.assertIn("127.0.0.1", shown)


if __name__ == "__main__":
    if not SSHD:
        skip_all("no openssh-server")
    main()
