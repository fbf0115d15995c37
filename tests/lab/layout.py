"""Where things are in a bed's folder, and what is known about it from one command to the next (bed.json)."""
import json
import os
import pwd
from pathlib import Path


class BedError(Exception):
    """What a person can mend; the text says how."""


class Account:
    def __init__(self, name, uid, gid, home="/nonexistent", shell="/usr/sbin/nologin"):
        self.name, self.uid, self.gid, self.home, self.shell = name, uid, gid, home, shell


# Accounts of our processes; as another user than root all of them are that user.
SERVICE_ACCOUNTS = {
    "preauth": "gatehouse-preauth",
    "authorizer": "gatehouse-authorizer",
    "signer": "gatehouse-signer",
    "ca-front": "gatehouse-ca-front",
    "ca-issuer": "gatehouse-ca-issuer",
    "ca-signer": "gatehouse-ca-signer",
    "directory": "gatehouse-directory",
}
PEOPLE = ["alice", "bob", "carol", "svc-backup"]
ADMINISTRATOR = "hostmaster"  # may enrol hosts and revoke; has no account on the server


def password_of(person):
    return f"{person}-password"


class Layout:
    """Paths of one bed, and its state. Nothing here touches what runs."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.state = {}

    @classmethod
    def load(cls, folder):
        bed = cls(folder)
        try:
            bed.state = json.loads(bed.path("bed.json").read_text())
        except FileNotFoundError:
            raise BedError(f"{bed.folder} is no bed (it has no bed.json); make one with: lab up {folder}") from None
        return bed

    def save(self):
        new = self.path("bed.json.new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self.state, indent=1) + "\n")
        new.replace(self.path("bed.json"))

    def path(self, *parts):
        return self.folder.joinpath(*parts)

    # -- accounts ---------------------------------------------------------------------------------------------------------------------

    @property
    def as_root(self):
        return self.state["as_root"]

    def account(self, role):
        """The account of a service ("signer") or a person ("alice")."""
        if not self.as_root:
            own = pwd.getpwuid(os.geteuid())
            return Account(own.pw_name, own.pw_uid, own.pw_gid, own.pw_dir, own.pw_shell)
        return Account(**self.state["accounts"][SERVICE_ACCOUNTS.get(role, role)])

    @property
    def people(self):
        """Who is in the directory as a person: the sample people and, without root, the one user that the server can serve."""
        return self.state["people"]

    # -- what is where ----------------------------------------------------------------------------------------------------------------

    @property
    def bin(self):
        return Path(self.state["bin"])

    def program(self, name):
        return str(self.bin / name)

    @property
    def softhsm_module(self):
        return self.state["pkcs11_module"]

    def port(self, name):
        return self.state["ports"][name]

    def user_folder(self, person):
        return self.path("users", person)

    def give(self, path, role, mode):
        """Hands a file or folder of the bed to a service's account."""
        account = self.account(role)
        if self.as_root:
            os.chown(path, account.uid, account.gid)
        os.chmod(path, mode)

    def folder_for(self, role, mode, *parts):
        path = self.path(*parts)
        path.mkdir(parents=True, exist_ok=True)
        self.give(path, role, mode)
        return path


def shell_quoted(text):
    return "'" + str(text).replace("'", "'\\''") + "'"
