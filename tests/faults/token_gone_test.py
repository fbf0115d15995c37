"""A token goes away and comes back, for the CA and for the server."""
import time

from integration.bed import BedTest, Refused, main, wait_for
from lab.tokens import ca_token, host_token


class TokenGone(BedTest):
    def test_the_ca_says_so_issues_nothing_and_recovers(self):
        self.bed.login()
        store = ca_token(self.bed.layout).store
        away = store.with_name("objects.away")
        store.rename(away)
        try:
            issued = self.bed.ledger_rows()
            with self.assertRaises(Refused) as caught:
                self.bed.login()
            self.assertEqual((caught.exception.status, caught.exception.word), (503, "token-unavailable"))
            # While it is known to be away the answer comes at once.
            began = time.monotonic()
            with self.assertRaises(Refused):
                self.bed.login()
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual(self.bed.ledger_rows(), issued)
        finally:
            away.rename(store)
        wait_for(lambda: self.bed.ca.health()[0] == 200, seconds=30, what="the CA's recovery")
        self.bed.login()
        self.assertEqual(self.bed.ssh("true").returncode, 0)

    def test_the_server_recovers(self):
        self.bed.login()
        store = host_token(self.bed.layout).store
        away = store.with_name("objects.away")
        store.rename(away)
        try:
            self.assertEqual(self.bed.ssh("true").returncode, 255)
        finally:
            away.rename(store)
        wait_for(lambda: self.bed.ssh("true").returncode == 0, seconds=30, what="a login")


if __name__ == "__main__":
    main()
