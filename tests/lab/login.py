"""lab login: a certificate for a person or service account, with nothing but ssh-keygen and HTTPS."""
from lab import up
from lab.layout import password_of
from lab.parts import client


def login(bed, user, key=None, **members):
    """@param key  private key file with its .pub; default: users/USER/id_ed25519, made when missing
    @return the CA's answer; the certificate stands beside the key"""
    folder = bed.user_folder(user)
    folder.mkdir(parents=True, exist_ok=True)
    if key is None:
        key = folder / "id_ed25519"
        if not key.exists():
            up.new_key(key, user)
    if user == "svc-backup":
        answer = client(bed).user_certificate(key, user, identity_key=folder / "enrolled_ed25519", **members)
    else:
        answer = client(bed).user_certificate(key, user, password=password_of(user), **members)
    certificate = key.with_name(key.name + "-cert.pub")
    certificate.write_text(answer["certificate"].rstrip("\n") + "\n")
    return answer
