"""SoftHSM2 tokens, each with a folder, a configuration and a PIN of its own."""
import glob
import secrets

from lab.layout import BedError
from lab.processes import run

MODULE_PATTERNS = ("/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib/softhsm/libsofthsm2.so")


def find_module():
    for pattern in MODULE_PATTERNS:
        found = sorted(glob.glob(pattern))
        if found:
            return found[0]
    raise BedError("no libsofthsm2.so; install it: apt-get install softhsm2")


class Token:
    """A token below tokens/NAME of a bed; `role` is the account of its signer, the only one that may enter the folder."""

    def __init__(self, bed, name, role):
        self.bed, self.role = bed, role
        self.label = f"gatehouse-{name}"
        self.folder = bed.path("tokens", name)
        self.conf = self.folder / "softhsm2.conf"
        self.store = self.folder / "objects"
        self.pin_file = self.folder / "pin"

    def make(self):
        """Initialises the token with a random PIN, unless it is there."""
        if self.pin_file.exists():
            return
        self.bed.path("tokens").mkdir(exist_ok=True)
        self.bed.path("tokens").chmod(0o711)
        self.bed.folder_for(self.role, 0o711, "tokens", self.folder.name)
        self.bed.folder_for(self.role, 0o700, "tokens", self.folder.name, "objects")
        self.conf.write_text(f"directories.tokendir = {self.store}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n")
        self.conf.chmod(0o644)
        pin = secrets.token_hex(16)
        run(self.bed, ["softhsm2-util", "--init-token", "--free", "--label", self.label, "--so-pin", secrets.token_hex(16), "--pin", pin],
            account=self.bed.account(self.role), env=self.environment)
        self.pin_file.write_text(pin + "\n")
        self.bed.give(self.pin_file, self.role, 0o400)

    @property
    def environment(self):
        return {"SOFTHSM2_CONF": self.conf}

    def uri(self, key):
        return f"pkcs11:token={self.label};object={key}"

    def generate(self, key, kind):
        """A key pair made in the token; its public key as one line of text."""
        return run(self.bed, [self.bed.program("gatehouse"), "key", "generate", "--module", self.bed.softhsm_module, "--pin-source",
                              self.pin_file, "--type", kind, self.uri(key)], account=self.bed.account(self.role), env=self.environment)


def host_token(bed):
    return Token(bed, "host", "signer")


def ca_token(bed):
    return Token(bed, "ca", "ca-signer")
