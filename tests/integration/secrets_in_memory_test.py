"""Neither the PKCS#11 module nor a PIN is in any process but the signers."""
import os
from pathlib import Path

from integration.bed import AS_ROOT, BedTest, main, skip_all


def memory_holds(pid, words):
    """Which of the words stand in the readable memory of a process."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            where, rights, *_ = line.split()
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(edge, 16) for edge in where.split("-"))
            tail = b""
            while begin < end:
                try:
                    memory.seek(begin)
                    piece = memory.read(min(end - begin, 1 << 24))
                except (OSError, OverflowError, ValueError):
                    break
                if not piece:
                    break
                found |= {word for word in words if word in tail + piece}
                tail = piece[-64:]
                begin += len(piece)
    return found


class SecretsInMemory(BedTest):
    def test_module_and_pins_are_in_the_signers_only(self):
        self.bed.login()
        session = self.bed.terminal("echo ready; sleep 60")
        session.read_until("ready")
        variables = self.bed.variables
        pins = {Path(variables[f"GH_{which}_PIN_FILE"]).read_text().strip().encode() for which in ("HOST", "CA")}
        seen = {"signer": 0, "other": 0}
        for pid, line in self.bed.process_ids().items():
            if os.path.basename(line.split()[0]) in ("sleep", "slapd") and "gatehouse" not in line:
                continue
            with self.subTest(process=line):
                loaded = "softhsm" in Path(f"/proc/{pid}/maps").read_text()
                holds = memory_holds(pid, pins)
                if "gatehouse-signer" in line.split()[0]:
                    seen["signer"] += 1
                    self.assertTrue(loaded)
                    self.assertLessEqual(len(holds), 1)
                else:
                    seen["other"] += 1
                    self.assertFalse(loaded)
                    self.assertEqual(holds, set())
        self.assertEqual(seen["signer"], 2)
        self.assertGreaterEqual(seen["other"], 6, self.bed.process_ids())
        os.kill(session.pid, 15)
        session.wait()


if __name__ == "__main__":
    if not AS_ROOT:
        skip_all("only root may read the memory of processes that cannot be traced")
    main()
