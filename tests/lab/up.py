"""lab up: from nothing, or from what is there, to a bed of which all parts answer."""
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
import tomllib
from pathlib import Path

from lab import directory, namespace, parts, ports, settings, tls, tokens
from lab.layout import ADMINISTRATOR, PEOPLE, SERVICE_ACCOUNTS, BedError, Layout, password_of, shell_quoted
from lab.processes import alive, run, wait_until

PROGRAMS = ("gatehouse", "gatehouse-agent", "gatehouse-ca", "gatehouse-signer", "gatehouse-sshd")
SOURCE = Path(__file__).resolve().parents[2]


def up(folder, sshd_config=None, ca_config=None, policy=None, own_directory=True, bin_folder=None, show=None):
    """Brings the bed in `folder` up. @param show  is called as show(what, seconds) after each step. @return the Layout"""
    step = Steps(show)
    bed = prepare(folder, sshd_config, ca_config, policy, own_directory, bin_folder)
    try:
        if bed.as_root and not alive(bed, "namespace"):
            with step("accounts of its own, in a private mount namespace"):
                namespace.start(bed, [bed.bin])
        make_folders(bed)
        with step("two SoftHSM2 tokens, host and CA"):
            make_tokens(bed)
        with step("host keys and CA keys, made in the tokens"):
            make_keys(bed)
        if own_directory:
            with step("OpenLDAP directory with people and groups"):
                directory.prepare(bed, service_key(bed), SOURCE / "etc" / "ldap")
                if not alive(bed, "slapd"):
                    parts.start(bed, "slapd")
        settings.write(bed)
        with step("certificate authority"):
            make_tls(bed)
            if not alive(bed, "ca"):
                parts.start(bed, "ca")
        with step("trusted keys and revocation list, fetched from the CA"):
            fetch_trust(bed)
        with step("SSH server"):
            settings.write(bed)
            if not alive(bed, "sshd"):
                parts.start(bed, "sshd")
        with step("host certificates from the CA"):
            enroll_host(bed)
        write_client_files(bed)
    except BaseException:
        parts.stop_all(bed)
        raise
    return bed


class Steps:
    def __init__(self, show):
        self.show = show

    def __call__(self, what):
        self.what = what
        return self

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, failed, *_):
        if not failed and self.show:
            self.show(self.what, time.monotonic() - self.began)


def prepare(folder, sshd_config, ca_config, policy, own_directory, bin_folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    bed = Layout(folder)
    if bed.path("bed.json").exists():
        bed = Layout.load(folder)
        if bed.as_root != (os.geteuid() == 0):
            raise BedError(f"{bed.folder} was made by {'root' if bed.as_root else 'another user than root'}; go on as that one, or take another folder")
    elif any(bed.folder.iterdir()) and not only_hidden(bed.folder):
        raise BedError(f"{bed.folder} is not empty and no bed; name a new folder")
    bed.notes = []
    os.chmod(bed.folder, stat.S_IMODE(os.stat(bed.folder).st_mode) | 0o011)
    state = bed.state
    state["as_root"] = os.geteuid() == 0
    state.setdefault("parts", {})
    state["own_directory"] = own_directory
    state["bin"] = str(find_programs(bed, bin_folder))
    state["pkcs11_module"] = tokens.find_module()
    state.setdefault("ca_id", "bed-" + secrets.token_hex(4))
    extra = [] if state["as_root"] else [pwd.getpwuid(os.geteuid()).pw_name]
    state["people"] = [name for name in PEOPLE if name != "svc-backup"] + [name for name in extra if name not in PEOPLE]
    if state["as_root"] and "accounts" not in state:
        state["accounts"] = namespace.choose_accounts(SERVICE_ACCOUNTS.values(), PEOPLE)
    texts = {"sshd_config": sshd_config, "ca_config": ca_config, "policy": policy}
    state["given"] = {name: read_given(path) for name, path in texts.items()}
    choose_ports(bed)
    bed.save()
    return bed


def only_hidden(folder):
    return all(entry.name.startswith(".") for entry in folder.iterdir())


def read_given(path):
    if path is None:
        return ""
    try:
        return Path(path).read_text()
    except OSError as mistake:
        raise BedError(f"{path}: {mistake.strerror}") from None


def find_programs(bed, bin_folder):
    """The folder with our executables; all accounts of the bed must be able to run them, else they are copied into the bed."""
    candidates = [bin_folder, os.environ.get("GH_BIN"), *(SOURCE / "build" / preset / "bin" for preset in ("release", "debug"))]
    chosen = next((Path(path).resolve() for path in candidates if path and Path(path, "gatehouse-sshd").exists()), None)
    if chosen is None:
        raise BedError("no executables; build them (cmake --preset release && cmake --build build/release), or name their folder with --bin")
    missing = [name for name in PROGRAMS if not (chosen / name).exists()]
    if missing:
        raise BedError(f"{chosen} has no {', '.join(missing)}; build all targets")
    open_to_all = all((chosen / name).stat().st_mode & 0o005 == 0o005 for name in PROGRAMS) and chosen.stat().st_mode & 0o001
    if os.geteuid() != 0 or open_to_all:
        return chosen
    copies = bed.path("bin")
    copies.mkdir(exist_ok=True)
    for name in PROGRAMS:
        shutil.copyfile(chosen / name, copies / name)
        (copies / name).chmod(0o755)
    copies.chmod(0o755)
    return copies


def choose_ports(bed):
    """Free ports; those of an earlier time where they are still free, or in use by the bed itself."""
    chosen = {}
    parts_of = {"ldap": "slapd", "ldaps": "slapd", "ca": "ca", "sshd": "sshd"}
    for name, part in parts_of.items():
        old = bed.state.get("ports", {}).get(name)
        if old and (alive(bed, part) or ports.is_free(old)):
            chosen[name] = old
        else:
            chosen[name] = ports.free_port(taken=chosen.values())
    bed.state["ports"] = chosen


def make_folders(bed):
    for name in ("log", "run", "trust", "users", "tls"):
        bed.path(name).mkdir(exist_ok=True)
        bed.path(name).chmod(0o755)
    bed.folder_for("ca-issuer", 0o700, "ca")


def make_tokens(bed):
    for token in (tokens.host_token(bed), tokens.ca_token(bed)):
        token.make()


def make_keys(bed):
    """Generates what is not there; the public halves go to trust/."""
    for token, keys in ((tokens.host_token(bed), settings.HOST_KEYS), (tokens.ca_token(bed), settings.CA_KEYS)):
        for name, kind in keys.items():
            public = bed.path("trust", f"{name}.pub")
            if not public.exists():
                public.write_text(token.generate(name, kind))


def service_key(bed):
    """The key of the service account, enrolled in the directory."""
    folder = bed.user_folder("svc-backup")
    key = folder / "enrolled_ed25519"
    if not key.exists():
        folder.mkdir(parents=True, exist_ok=True)
        new_key(key, "svc-backup")
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def new_key(path, comment):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True, stdin=subprocess.DEVNULL)


def make_tls(bed):
    folder = bed.path("tls", "ca")
    if not (folder / "server.pem").exists():
        tls.make_authority(folder, "bed CA front TLS CA")
        tls.make_server_certificate(folder, folder, "bed CA front")
        bed.give(folder / "server.key", "ca-front", 0o400)


def gatehouse(bed, *words, **options):
    return run(bed, [bed.program("gatehouse"), *words], **options)


def ca_words(bed):
    return ["--ca", f"https://127.0.0.1:{bed.port('ca')}", "--ca-file", bed.path("tls", "ca", "ca.pem")]


def fingerprint(public_key):
    return subprocess.run(["ssh-keygen", "-l", "-f", str(public_key)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True).stdout.split()[1]


def trust_words(bed):
    return [*ca_words(bed), "--trust", fingerprint(bed.path("trust", "trust.pub"))]


def fetch_trust(bed):
    trust = bed.path("trust")
    gatehouse(bed, "trust", "fetch", *trust_words(bed), "--bundle", trust / "bundle.json", "--user-ca", trust / "user_ca",
              "--known-hosts", trust / "host_ca", "--hosts", settings.known_hosts_patterns(bed))
    fetch_krl(bed)


def fetch_krl(bed):
    gatehouse(bed, "krl", "fetch", *trust_words(bed), "--out", bed.path("trust", "krl"))


def enroll_host(bed):
    """One host certificate for each host key, by the word of a host administrator; then the server is told to read them."""
    before = {path: path.read_bytes() for path in settings.host_certificates(bed)}
    password = bed.path("run", "administrator-password")
    password.touch(mode=0o600)
    password.write_text(password_of(ADMINISTRATOR) + "\n")
    try:
        with open(password) as source:
            gatehouse(bed, "host", "enroll", *ca_words(bed), "--user", ADMINISTRATOR, "--password-fd", "0", "--signer",
                      bed.path("run", "sshd", "signer"), "--out", bed.path("trust"),
                      *(word for name in settings.HOST_NAMES for word in ("--name", name)), stdin=source)
    except BedError as mistake:
        if bed.state["own_directory"]:
            raise
        bed.notes.append(f"no host certificates, known_hosts has the plain host keys: {mistake}")
        return
    finally:
        password.unlink()
    if before != {path: path.read_bytes() for path in settings.host_certificates(bed)}:
        settings.write(bed)
        os.kill(bed.state["parts"]["sshd"]["pid"], signal.SIGHUP)
        wait_until(bed, "sshd", lambda: parts.greets(bed) and offers_certificate(bed))


def offers_certificate(bed):
    """Whether the server answers a client that wants nothing but a certified host key."""
    trial = subprocess.run(["ssh-keyscan", "-c", "-T", "5", "-p", str(bed.port("sshd")), "-t", "ed25519", "127.0.0.1"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return "ssh-ed25519-cert-v01@openssh.com" in trial.stdout


def write_client_files(bed):
    text = bed.path("trust", "host_ca").read_text()
    if not settings.host_certificates(bed):
        text += "".join(f"[127.0.0.1]:{bed.port('sshd')} {' '.join(path.read_text().split()[:2])}\n" for path in settings.host_public_keys(bed))
    bed.path("known_hosts").write_text(text)
    bed.path("ssh_config").write_text(settings.ssh_config(bed))
    refresh_env(bed)


def refresh_env(bed):
    bed.path("env").write_text("".join(f"{name}={shell_quoted(value)}\n" for name, value in variables(bed).items()))


def pid(bed, part):
    return bed.state["parts"][part]["pid"] if alive(bed, part) else ""


def variables(bed):
    host, authority = tokens.host_token(bed), tokens.ca_token(bed)
    config = tomllib.loads(bed.path("ca.toml").read_text())
    own = bed.state["own_directory"]
    where = config.get("directory", {})
    return {
        "GH_BIN": bed.bin,
        "GH_SSHD_PORT": bed.port("sshd"),
        "GH_SSHD_PID": pid(bed, "sshd"),
        "GH_CA_URL": f"https://127.0.0.1:{bed.port('ca')}",
        "GH_CA_PID": pid(bed, "ca"),
        "GH_CA_TLS_CA": bed.path("tls", "ca", "ca.pem"),
        "GH_LDAP_URI": directory.plain_uri(bed) if own else (where.get("urls") or [""])[0],
        "GH_LDAP_TLS_URI": directory.tls_uri(bed) if own else (where.get("urls") or [""])[0],
        "GH_LDAP_TLS_CA": bed.path("tls", "ldap", "ca.pem") if own else where.get("ca_file", ""),
        "GH_LDAP_PID": pid(bed, "slapd"),
        "GH_LDAP_BASE": directory.BASE if own else where.get("base", ""),
        "GH_LDAP_ADMIN_DN": directory.ADMIN_DN if own else "",
        "GH_LDAP_ADMIN_PASSWORD": bed.state["ldap_admin_password"] if own else "",
        "GH_PKCS11_MODULE": bed.softhsm_module,
        "GH_HOST_SOFTHSM2_CONF": host.conf,
        "GH_HOST_TOKEN": host.label,
        "GH_HOST_PIN_FILE": host.pin_file,
        "GH_CA_SOFTHSM2_CONF": authority.conf,
        "GH_CA_TOKEN": authority.label,
        "GH_CA_PIN_FILE": authority.pin_file,
        "GH_KNOWN_HOSTS": bed.path("known_hosts"),
        "GH_SSH_CONFIG": bed.path("ssh_config"),
        "GH_AUDIT_LOG": bed.path("log", "audit.json"),
        "GH_SSHD_CONFIG": bed.path("sshd_config"),
        "GH_CA_CONFIG": bed.path("ca.toml"),
        "GH_POLICY": bed.path("policy.toml"),
        "GH_KRL": bed.path("trust", "krl"),
        "GH_TRUSTED_CA": bed.path("trust", "user_ca"),
        "GH_TRUST_KEY": bed.path("trust", "trust.pub"),
        "GH_LEDGER": config["ledger"]["path"],
    }
