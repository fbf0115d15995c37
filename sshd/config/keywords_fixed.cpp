/// Keywords of which only the harmless value is taken, and keywords of OpenSSH that do not exist here.
#include "sshd/config/keyword.h"

namespace gatehouse::sshd {

namespace {

using Words = std::string_view;

constexpr Words no[] = {"no"};
constexpr Words yes[] = {"yes"};
constexpr Words none[] = {"none"};
constexpr Words any_or_none[] = {"any", "none"};
constexpr Words any_or_publickey[] = {"any", "publickey"};
constexpr Words bind_mask[] = {"0177"};
constexpr Words ten[] = {"10"};
constexpr Words internal[] = {"internal"};
constexpr Words sha256[] = {"sha256"};

constexpr std::string_view certificates_only = "people log in with certificates of TrustedUserCAKeys only";
constexpr std::string_view delete_line = "delete the line";
constexpr std::string_view not_yet = "is not supported by this version";

constexpr FixedKeyword fixed[] = {
    {"PubkeyAuthentication", Scope::match, yes, "would let nobody log in: certificates are public keys", "give yes, or delete the line"},
    {"PasswordAuthentication", Scope::match, no, "would let people in without a certificate", certificates_only},
    {"KbdInteractiveAuthentication", Scope::match, no, "would let people in without a certificate", certificates_only},
    {"PermitEmptyPasswords", Scope::match, no, "would let people in without a certificate", certificates_only},
    {"HostbasedAuthentication", Scope::match, no, "would let people in without a certificate", certificates_only},
    {"GSSAPIAuthentication", Scope::match, no, "would let people in without a certificate",
     "let the CA take Kerberos tickets, and log in with its certificates"},
    {"GSSAPIKeyExchange", Scope::global, no, "would let people in without a certificate",
     "let the CA take Kerberos tickets, and log in with its certificates"},
    {"KerberosAuthentication", Scope::match, no, "would let people in without a certificate",
     "let the CA take Kerberos tickets, and log in with its certificates"},
    {"AuthorizedKeysFile", Scope::match, none, "would let people in without a certificate",
     "give none, or delete the line; certificates of TrustedUserCAKeys let people in"},
    {"AuthorizedKeysCommand", Scope::match, none, "would let people in without a certificate",
     "give none, or delete the line; certificates of TrustedUserCAKeys let people in"},
    {"AuthorizedKeysCommandUser", Scope::match, none, "has no use without AuthorizedKeysCommand", delete_line},
    {"AuthorizedPrincipalsCommand", Scope::match, none, not_yet, "use AuthorizedPrincipalsFile"},
    {"AuthorizedPrincipalsCommandUser", Scope::match, none, not_yet, "use AuthorizedPrincipalsFile"},
    {"AuthenticationMethods", Scope::match, any_or_publickey, "asks for a method that does not exist here",
     "give publickey, or delete the line"},
    {"IgnoreRhosts", Scope::match, yes, "would let people in without a certificate", certificates_only},
    {"IgnoreUserKnownHosts", Scope::global, yes, "would let people in without a certificate", certificates_only},
    {"PermitUserEnvironment", Scope::global, no, "would let files in homes change the environment of a login", "use AcceptEnv or SetEnv"},
    {"UseDNS", Scope::global, no, "would let whoever runs the reverse zone choose what Match Host sees", "match on addresses"},
    {"HostKeyAgent", Scope::global, none, "is not how keys are reached here",
     "HostKey pkcs11:token=NAME;object=LABEL takes a key in a token without an agent"},
    {"FingerprintHash", Scope::global, sha256, "is not a hash that fingerprints should be made with", "give sha256, or delete the line"},
    {"SecurityKeyProvider", Scope::global, internal, not_yet, delete_line},
    {"PubkeyAuthOptions", Scope::match, none, not_yet, delete_line},
    {"Compression", Scope::global, no, not_yet, "give no, or delete the line"},
    {"ExposeAuthInfo", Scope::match, no, not_yet, "give no, or delete the line"},
    {"PermitTunnel", Scope::match, no, not_yet, "give no, or delete the line"},
    {"GatewayPorts", Scope::match, no, not_yet, "give no, or delete the line"},
    {"StreamLocalBindUnlink", Scope::match, no, not_yet, "give no, or delete the line"},
    {"StreamLocalBindMask", Scope::match, bind_mask, not_yet, delete_line},
    {"PermitOpen", Scope::match, any_or_none, not_yet, "delete the line: nothing is forwarded at all"},
    {"PermitListen", Scope::match, any_or_none, not_yet, "delete the line: nothing is forwarded at all"},
    {"X11DisplayOffset", Scope::match, ten, not_yet, delete_line},
    {"X11UseLocalhost", Scope::match, yes, not_yet, delete_line},
    {"ChannelTimeout", Scope::match, none, not_yet, "give none, or delete the line; ClientAliveInterval finds dead peers"},
    {"UnusedConnectionTimeout", Scope::match, none, not_yet, "give none, or delete the line"},
    {"RDomain", Scope::match, none, "needs routing domains, which Linux does not have", delete_line},
    {"LogVerbose", Scope::global, none, not_yet, "use LogLevel"},
    {"SessionRecording", Scope::match, no, not_yet, "give no, or delete the line"},
    {"KillUserProcesses", Scope::match, no, not_yet, "give no, or delete the line"},
};

constexpr std::string_view removed = "was removed from OpenSSH long ago";
constexpr std::string_view hostbased = "belongs to host-based login, which does not exist here";
constexpr std::string_view gssapi = "belongs to GSSAPI login, which does not exist here";
constexpr std::string_view kerberos = "belongs to password login by Kerberos, which does not exist here";

constexpr UnsupportedKeyword unsupported[] = {
    {"HostbasedAcceptedAlgorithms", hostbased, delete_line},
    {"HostbasedAcceptedKeyTypes", hostbased, delete_line},
    {"HostbasedUsesNameFromPacketOnly", hostbased, delete_line},
    {"RhostsAuthentication", removed, delete_line},
    {"RhostsRSAAuthentication", removed, delete_line},
    {"RSAAuthentication", removed, delete_line},
    {"Protocol", removed, "delete the line: there is only version 2"},
    {"ServerKeyBits", removed, delete_line},
    {"KeyRegenerationInterval", removed, delete_line},
    {"UseLogin", removed, delete_line},
    {"UsePrivilegeSeparation", removed, "delete the line: privileges are always separated"},
    {"VerifyReverseMapping", removed, delete_line},
    {"ReverseMappingCheck", removed, delete_line},
    {"HostDSAKey", removed, "HostKey pkcs11:token=NAME;object=LABEL"},
    {"AuthorizedKeysFile2", removed, delete_line},
    {"PAMAuthenticationViaKbdInt", removed, delete_line},
    {"CheckMail", removed, delete_line},
    {"GSSAPICleanupCredentials", gssapi, delete_line},
    {"GSSAPIStrictAcceptorCheck", gssapi, delete_line},
    {"GSSAPIStoreCredentialsOnRekey", gssapi, delete_line},
    {"GSSAPIKexAlgorithms", gssapi, delete_line},
    {"GSSAPIDelegateCredentials", gssapi, delete_line},
    {"KerberosGetAFSToken", kerberos, delete_line},
    {"KerberosOrLocalPasswd", kerberos, delete_line},
    {"KerberosTicketCleanup", kerberos, delete_line},
    {"KerberosTgtPassing", kerberos, delete_line},
    {"AFSTokenPassing", kerberos, delete_line},
    {"ModuliFile", "belongs to finite-field group exchange, which is not offered here", delete_line},
    {"IPQoS", not_yet, delete_line},
    {"XAuthLocation", "belongs to X11 forwarding, which is not supported by this version", delete_line},
    {"SshdSessionPath", "names a program of OpenSSH's server", "delete the line: gatehouse-sshd is one program"},
    {"SshdAuthPath", "names a program of OpenSSH's server", "delete the line: gatehouse-sshd is one program"},
    {"DebianBanner", "is a patch of Debian's", "use VersionAddendum"},
};

}  // namespace

std::span<const FixedKeyword> fixed_keywords() { return fixed; }
std::span<const UnsupportedKeyword> unsupported_keywords() { return unsupported; }

}  // namespace gatehouse::sshd
