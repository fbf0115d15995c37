"""A wrong PIN: the CA starts, says what is wrong, issues nothing, and works as soon as the PIN is right."""
from integration.bed import BedTest, Refused, main, wait_for
from lab.tokens import ca_token


class WrongPin(BedTest):
    def test_the_ca_says_so_issues_nothing_and_recovers(self):
        pin_file = ca_token(self.bed.layout).pin_file
        right = pin_file.read_text()
        self.bed.stop("ca")
        pin_file.write_text("not the PIN\n")
        self.bed.start("ca")
        with self.assertRaises(Refused) as caught:
            self.bed.login()
        self.assertEqual((caught.exception.status, caught.exception.word), (503, "token-unavailable"))
        status, health = self.bed.ca.health()
        self.assertEqual(status, 503)
        self.assertIn("PIN", str(health))
        pin_file.write_text(right)
        wait_for(lambda: self.bed.ca.health()[0] == 200, seconds=30, what="the CA's recovery")
        self.bed.login()
        self.assertEqual(self.bed.ssh("true").returncode, 0)


if __name__ == "__main__":
    main()
