"""The directory is away: no certificates and a clear word; logins go on; all works again by itself."""
from integration.bed import BedTest, Refused, main, wait_for


class DirectoryDown(BedTest):
    def test_the_ca_says_so_issues_nothing_and_recovers(self):
        self.bed.login()
        self.bed.stop("slapd")
        rows = self.bed.ledger_rows()
        with self.assertRaises(Refused) as caught:
            self.bed.login()
        self.assertEqual((caught.exception.status, caught.exception.word), (503, "directory-unavailable"))
        self.assertIn("directory", caught.exception.document["title"].lower() + caught.exception.document["detail"].lower())
        self.assertEqual(self.bed.ledger_rows(), rows)
        status, health = self.bed.ca.health()
        self.assertEqual(status, 503)
        self.assertIn("directory", str(health))
        # The server needs no directory.
        self.assertEqual(self.bed.ssh("true").returncode, 0)
        self.bed.start("slapd")
        wait_for(lambda: self.bed.ca.health()[0] == 200, what="the CA's recovery")
        self.bed.login()


if __name__ == "__main__":
    main()
