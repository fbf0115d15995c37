"""A signer that is killed under load costs no login and no certificate."""
import os
import signal
import threading
import time

from integration.bed import BedTest, main, wait_for

CLIENTS = 3
KILLS = 4


class SignerKilled(BedTest):
    def signer(self, purpose):
        return next((pid for pid, line in self.bed.process_ids().items() if f"gatehouse-signer --purpose {purpose} " in line), None)

    def kill_under_load(self, purpose, work):
        """Kills the signer again and again while `work` runs in several threads. @return what went wrong, and how often work was done"""
        wrong, done, stop = [], [], threading.Event()

        def run():
            while not stop.is_set():
                trouble = work()
                (wrong if trouble else done).append(trouble)

        threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                time.sleep(2.2)  # one that lived for two seconds is started again at once
                before = len(done)
                victim = self.signer(purpose)
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda killed=victim: self.signer(purpose) not in (None, killed), what=f"another signer of purpose {purpose}")
                wait_for(lambda count=before: len(done) > count + CLIENTS, seconds=20, what="work going on after the kill")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        return wrong, len(done)

    def test_host_signer_under_logins(self):
        self.bed.login()

        def log_in():
            done = self.bed.ssh("true")
            return f"{done.returncode}: {done.stderr}" if done.returncode else None

        wrong, count = self.kill_under_load("host", log_in)
        self.assertEqual(wrong, [])
        self.assertGreater(count, CLIENTS * KILLS)

    def test_ca_signer_under_certificate_requests(self):
        self.bed.login()  # makes the key that the requests are for

        def request():
            try:
                self.bed.login()
            except Exception as trouble:  # whatever it is, it counts
                return repr(trouble)
            return None

        wrong, count = self.kill_under_load("ca", request)
        self.assertEqual(wrong, [])
        self.assertGreater(count, CLIENTS * KILLS)


if __name__ == "__main__":
    main()
