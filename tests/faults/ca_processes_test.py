"""A process of the CA dies, or its configuration changes, while people ask for certificates."""
import os
import shutil
import signal
import ssl
import threading
import time

from integration.bed import BedError, BedTest, Refused, main, wait_for
from lab import tls


class Askers:
    """Somebody who asks for a nonce again and again; keeps what went wrong."""

    def __init__(self, bed):
        self.bed, self.answers, self.mistakes, self.ended = bed, 0, [], False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()

    def run(self):
        while not self.ended:
            try:
                self.bed.ca.call("/v1/nonces")
                self.answers += 1
            except (Refused, BedError) as mistake:
                self.mistakes.append(str(mistake))
            time.sleep(0.01)


class CaProcesses(BedTest):
    def child(self, option):
        """The pid of the issuer, front or signer."""
        found = [pid for pid, line in self.bed.process_ids().items() if f" {option} " in line and "gatehouse-" in line]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def works(self):
        try:
            self.bed.login()
            return True
        except (Refused, BedError):
            return False

    def killed(self, option):
        before = self.child(option)
        os.kill(before, signal.SIGKILL)
        wait_for(self.works, seconds=15, what=f"a certificate after {option} was killed")
        self.assertNotEqual(self.child(option), before)
        wait_for(lambda: self.bed.ca.health()[0] == 200, what="health")

    def test_each_child_is_started_again(self):
        for option in ("--issuer", "--front", "--purpose ca"):
            with self.subTest(child=option):
                self.killed(option)

    def test_an_issuer_that_stands_still_is_a_clear_answer(self):
        self.bed.login()
        issuer = self.child("--issuer")
        os.kill(issuer, signal.SIGKILL)
        try:
            self.bed.login()
        except Refused as no:
            self.assertEqual((no.status, no.word), (503, "ca-unavailable"))
        wait_for(self.works, seconds=15, what="a certificate")

    def certificate(self):
        return ssl.get_server_certificate(("127.0.0.1", self.bed.layout.port("ca")))

    def test_a_new_tls_certificate_is_taken_in_and_nobody_is_turned_away(self):
        before = self.certificate()
        folder = self.bed.path("tls", "ca")
        fresh = self.bed.folder / "fresh"
        tls.make_server_certificate(folder, fresh, "renewed")
        for name in ("server.pem", "server.key"):
            shutil.copy(fresh / name, folder / name)
        with Askers(self.bed) as askers:
            wait_for(lambda: askers.answers > 20, what="questions before")
            os.kill(self.bed.pid("ca"), signal.SIGHUP)
            wait_for(lambda: self.certificate() != before, what="the new certificate")
            seen = askers.answers
            wait_for(lambda: askers.answers > seen + 20, what="questions after")
        self.assertEqual(askers.mistakes, [])

    def test_a_bad_configuration_leaves_the_old_one_in_force(self):
        path = self.bed.path("ca.toml")
        good = path.read_text()
        issuer = self.child("--issuer")
        path.write_text(good.replace("[ca]", "[ca]\nsurprise = 1"))
        try:
            os.kill(self.bed.pid("ca"), signal.SIGHUP)
            log = self.bed.path("log", "ca.log")
            wait_for(lambda: "the configuration stays as it was" in log.read_text(), what="a line in the log")
            self.assertIn("surprise", log.read_text())
        finally:
            path.write_text(good)
        self.assertEqual(self.child("--issuer"), issuer)
        self.bed.login()

    def test_the_parent_takes_all_of_them_with_it(self):
        children = [self.child(option) for option in ("--issuer", "--front", "--purpose ca")]
        self.bed.stop("ca")
        for pid in children:
            wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what=f"the end of {pid}")
        self.bed.start("ca")
        self.bed.login()


if __name__ == "__main__":
    main()
