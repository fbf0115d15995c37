"""Nothing can be written to the ledger: no certificate leaves the CA."""
import sqlite3

from integration.bed import BedTest, Refused, main, wait_for


class LedgerUnwritable(BedTest):
    def test_the_ca_says_so_issues_nothing_and_recovers(self):
        self.bed.login()
        rows = self.bed.ledger_rows()
        other = sqlite3.connect(self.bed.variables["GH_LEDGER"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # nobody else can write now
        try:
            with self.assertRaises(Refused) as caught:
                self.bed.login()
            self.assertEqual((caught.exception.status, caught.exception.word), (503, "ledger-unavailable"))
        finally:
            other.execute("ROLLBACK")
            other.close()
        self.assertEqual(self.bed.ledger_rows(), rows)
        wait_for(lambda: self.bed.ca.health()[0] == 200, what="the CA's recovery")
        self.bed.login()
        self.assertEqual(self.bed.ssh("true").returncode, 0)


if __name__ == "__main__":
    main()
