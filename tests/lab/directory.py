"""The bed's OpenLDAP directory: a slapd of its own, with its own configuration, database, TLS and accounts."""
import base64
import hashlib
import secrets
import socket

from lab import tls
from lab.layout import ADMINISTRATOR, password_of
from lab.processes import run, spawn, wait_until

BASE = "dc=gatehouse,dc=test"
ADMIN_DN = f"cn=admin,{BASE}"
SERVICE_DN = f"cn=gatehouse-ca,ou=system,{BASE}"
SCHEMAS = ("core", "cosine", "inetorgperson", "nis")


def group_dn(name):
    return f"cn={name},ou=groups,{BASE}"


def hashed(password):
    """{SSHA}, as slapd stores it."""
    salt = secrets.token_bytes(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


def config_ldif(bed, tls_folder, schema_folder):
    folder = bed.path("ldap")
    includes = "".join(f"include: file:///etc/ldap/schema/{name}.ldif\n\n" for name in SCHEMAS)
    own_schema = (schema_folder / "ldap-public-key.ldif").read_text()
    return f"""dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: {folder}/slapd.pid
olcArgsFile: {folder}/slapd.args
olcTLSCACertificateFile: {tls_folder}/ca.pem
olcTLSCertificateFile: {tls_folder}/server.pem
olcTLSCertificateKeyFile: {tls_folder}/server.key
olcTLSVerifyClient: never

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: ppolicy

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

{includes}{own_schema}
dn: olcDatabase=config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: config
olcRootDN: {ADMIN_DN}

dn: olcDatabase=mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: mdb
olcSuffix: {BASE}
olcDbDirectory: {folder}/data
olcDbMaxSize: 104857600
olcDbIndex: objectClass eq
olcDbIndex: uid,cn,member,uniqueMember,memberUid eq
olcRootDN: {ADMIN_DN}
olcRootPW: {hashed(bed.state["ldap_admin_password"])}
olcAccess: to attrs=userPassword by anonymous auth by self write by * none
olcAccess: to * by dn.exact="{SERVICE_DN}" read by self read by * none

dn: olcOverlay=ppolicy,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: ppolicy
olcPPolicyDefault: cn=default,ou=policies,{BASE}
olcPPolicyUseLockout: TRUE
"""


def person_ldif(name, extra=""):
    return f"""dn: uid={name},ou=people,{BASE}
objectClass: inetOrgPerson
uid: {name}
cn: {name.capitalize()}
sn: {name.capitalize()}
mail: {name}@gatehouse.test
userPassword: {hashed(password_of(name))}
{extra}
"""


def group_ldif(name, members):
    return f"dn: {group_dn(name)}\nobjectClass: groupOfNames\ncn: {name}\n" + "".join(f"member: {dn}\n" for dn in members) + "\n"


def person_dn(name):
    return f"uid={name},ou=people,{BASE}"


def data_ldif(bed, service_key):
    units = "".join(f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n"
                    for unit in ("people", "groups", "services", "system", "policies"))
    people = person_ldif("alice") + person_ldif("bob") + person_ldif(ADMINISTRATOR)
    people += person_ldif("carol", "pwdAccountLockedTime: 000001010000Z\n")  # for ever, until an administrator unlocks her
    own = [name for name in bed.people if name not in ("alice", "bob", "carol")]
    people += "".join(person_ldif(name) for name in own)
    members = [person_dn(name) for name in ("alice", "carol", *own)]
    backup = f"uid=svc-backup,ou=services,{BASE}"
    return f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: gatehouse
o: Gatehouse

{units}dn: cn=default,ou=policies,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 10
pwdFailureCountInterval: 60
pwdLockoutDuration: 60

dn: {SERVICE_DN}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: gatehouse-ca
userPassword: {hashed(bed.state["ldap_service_password"])}

{people}dn: {backup}
objectClass: account
objectClass: simpleSecurityObject
objectClass: ldapPublicKey
uid: svc-backup
userPassword: {hashed(password_of("svc-backup"))}
sshPublicKey: {service_key}

{group_ldif("ssh-users", members)}{group_ldif("platform-team", [person_dn("alice")])}{group_ldif("operators", [group_dn("platform-team")])}\
{group_ldif("services", [backup])}{group_ldif("host-admins", [person_dn(ADMINISTRATOR)])}{group_ldif("ca-admins", [person_dn(ADMINISTRATOR)])}"""


def prepare(bed, service_key, schema_folder):
    """Makes configuration and database once. @param service_key  public key line of svc-backup"""
    folder = bed.path("ldap")
    if (folder / "data" / "data.mdb").exists():
        return
    account = bed.account("directory")
    bed.folder_for("directory", 0o711, "ldap")
    for part in ("config", "data"):
        bed.folder_for("directory", 0o700, "ldap", part)
    tls_folder = bed.path("tls", "ldap")
    tls.make_authority(tls_folder, "bed directory TLS CA")
    tls.make_server_certificate(tls_folder, tls_folder, "bed directory")
    bed.give(tls_folder / "server.key", "directory", 0o400)
    bed.state["ldap_admin_password"] = secrets.token_hex(12)
    bed.state["ldap_service_password"] = secrets.token_hex(12)
    password = bed.path("ldap", "ca-password")
    password.write_text(bed.state["ldap_service_password"] + "\n")
    bed.give(password, "ca-issuer", 0o400)
    for number, text, name in ((0, config_ldif(bed, tls_folder, schema_folder), "config"), (1, data_ldif(bed, service_key), "data")):
        ldif = folder / f"{name}.ldif"
        ldif.write_text(text)
        bed.give(ldif, "directory", 0o400)
        run(bed, ["slapadd", "-q", "-n", number, "-F", folder / "config", "-l", ldif], account=account)
        ldif.unlink()


def start(bed):
    spawn(bed, "slapd", ["slapd", "-F", bed.path("ldap", "config"), "-d", "256", "-h",
                         f"ldap://127.0.0.1:{bed.port('ldap')}/ ldaps://127.0.0.1:{bed.port('ldaps')}/"], account=bed.account("directory"))
    wait_until(bed, "slapd", lambda: listens(bed.port("ldap")) and listens(bed.port("ldaps")))


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def plain_uri(bed):
    return f"ldap://127.0.0.1:{bed.port('ldap')}"


def tls_uri(bed):
    return f"ldaps://127.0.0.1:{bed.port('ldaps')}"
