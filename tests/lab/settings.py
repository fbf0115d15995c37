"""The bed's own configuration files. What a caller gives goes over them: first value wins in sshd_config, table by table in TOML."""
from lab import directory, tables
from lab.tokens import ca_token, host_token

# Name in the token, type for `gatehouse key generate`. One of each kind that clients may ask for.
HOST_KEYS = {"host-ed25519": "ed25519", "host-ecdsa": "ecdsa-p256", "host-rsa": "rsa-3072"}
CA_KEYS = {"user-ca": "ed25519", "host-ca": "ecdsa-p256", "trust": "ed25519"}
HOST_NAMES = ["127.0.0.1", "localhost"]


def ca_config(bed):
    token = ca_token(bed)
    table = {
        "ca": {"id": bed.state["ca_id"], "data_dir": str(bed.path("ca")), "runtime_dir": str(bed.path("run", "ca")),
               "policy": str(bed.path("policy.toml")), "front_user": bed.account("ca-front").name,
               "issuer_user": bed.account("ca-issuer").name, "signer_user": bed.account("ca-signer").name},
        "listen": {"address": "127.0.0.1", "port": bed.port("ca"), "tls_certificate": str(bed.path("tls", "ca", "server.pem")),
                   "tls_key": str(bed.path("tls", "ca", "server.key"))},
        "token": {"module": bed.softhsm_module, "pin_source": str(token.pin_file)},
        "keys": {"user_ca": [token.uri("user-ca")], "host_ca": [token.uri("host-ca")], "trust": token.uri("trust")},
        "signer": {"limits": str(bed.path("signer-limits.toml"))},
        "ledger": {"backend": "sqlite", "path": str(bed.path("ca", "ledger.db"))},
    }
    if bed.state["own_directory"]:
        table["directory"] = {
            "kind": "openldap", "urls": [directory.tls_uri(bed)], "base": directory.BASE, "bind_dn": directory.SERVICE_DN,
            "bind_password_file": str(bed.path("ldap", "ca-password")), "ca_file": str(bed.path("tls", "ldap", "ca.pem")),
            "user_filter": "(uid={user})", "service_base": f"ou=services,{directory.BASE}",
            "default_password_policy": f"cn=default,ou=policies,{directory.BASE}"}
    return table


def policy(bed):
    return {
        "role": {
            "user": {"groups": [directory.group_dn("ssh-users")], "principals": ["{uid}"], "lifetime": "1h", "session": "12h",
                     "extensions": ["permit-pty", "permit-port-forwarding", "permit-agent-forwarding", "permit-X11-forwarding", "permit-user-rc"]},
            "operator": {"groups": [directory.group_dn("operators")], "principals": ["{uid}", "operator"], "lifetime": "1h", "session": "12h",
                         "extensions": ["permit-pty", "permit-port-forwarding"]},
            "service": {"groups": [directory.group_dn("services")], "principals": ["{uid}"], "lifetime": "1h", "session": "1h",
                        "extensions": []},
        },
        "host_role": {"host": {"groups": [directory.group_dn("host-admins")], "names": [*HOST_NAMES, "*.gatehouse.test"], "lifetime": "30d"}},
        "admin": {"groups": [directory.group_dn("ca-admins")]},
    }


def signer_limits(bed):
    """Wider than an installation's, so that policies under test and benchmarks have room."""
    token = ca_token(bed)
    rate = {"per_minute": 600_000, "burst": 10_000}
    return {
        "key": [
            {"uri": token.uri("user-ca"), "signs": ["user"], "max_lifetime": "7d", **rate},
            {"uri": token.uri("host-ca"), "signs": ["host"], "max_lifetime": "60d", **rate},
            {"uri": token.uri("trust"), "signs": ["trust", "krl"], **rate},
        ],
    }


def sshd_config(bed, first=""):
    """The server's configuration. @param first  text that goes before the bed's; its Match blocks go to the end, where they belong"""
    token = host_token(bed)
    lines = [
        f"Port {bed.port('sshd')}",
        "ListenAddress 127.0.0.1",
        *(f"HostKey {token.uri(name)}" for name in HOST_KEYS),
        *(f"HostCertificate {path}" for path in host_certificates(bed)),
        f"PKCS11Provider {bed.softhsm_module}",
        f"PKCS11PinSource {token.pin_file}",
        f"TrustedUserCAKeys {bed.path('trust', 'user_ca')}",
        f"RevokedKeys {bed.path('trust', 'krl')}",
        f"AuditLog {bed.path('log', 'audit.json')}",
        f"RuntimeDirectory {bed.path('run', 'sshd')}",
        f"PidFile {bed.path('run', 'sshd.pid')}",
        "PerSourcePenaltyExemptList 127.0.0.0/8,::1",
        "Subsystem sftp internal-sftp",
    ]
    if bed.as_root:
        lines += [f"{keyword} {bed.account(role).name}" for keyword, role in
                  (("PreauthUser", "preauth"), ("AuthorizerUser", "authorizer"), ("SignerUser", "signer"))]
    before, after = split_at_match(first)
    return before + "\n".join(lines) + "\n" + after


def split_at_match(text):
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.split() and line.split()[0].lower() == "match":
            return join(lines[:number]), join(lines[number:])
    return join(lines), ""


def join(lines):
    return "".join(line + "\n" for line in lines)


def host_public_keys(bed):
    return [bed.path("trust", f"{name}.pub") for name in HOST_KEYS]


def host_certificates(bed):
    """Those that are there, as `gatehouse host enroll` names them."""
    return sorted(bed.path("trust").glob("ssh_host_*_key-cert.pub"))


def write(bed):
    """Writes all of them into the bed's folder."""
    given = bed.state["given"]
    for name, own, extra in (("ca.toml", ca_config(bed), given["ca_config"]), ("policy.toml", policy(bed), given["policy"])):
        over = tables.read(extra, f"the {name} that was given")
        bed.path(name).write_text(tables.written(tables.merged(own, over)))
    bed.path("signer-limits.toml").write_text(tables.written(signer_limits(bed)))
    bed.path("sshd_config").write_text(sshd_config(bed, given["sshd_config"]))


def ssh_config(bed):
    """For stock ssh: any name given leads to the bed's server; host certificates only."""
    return f"""# ssh -F {bed.path('ssh_config')} alice@localhost
Host *
  HostName 127.0.0.1
  Port {bed.port('sshd')}
  UserKnownHostsFile {bed.path('known_hosts')}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  PreferredAuthentications publickey
  IdentityFile {bed.path('users')}/%r/id_ed25519
  CertificateFile {bed.path('users')}/%r/id_ed25519-cert.pub
"""


def known_hosts_patterns(bed):
    return ",".join(HOST_NAMES + [f"[{name}]:{bed.port('sshd')}" for name in HOST_NAMES])
