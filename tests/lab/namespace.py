"""The private mount namespace of a bed that root brings up: its own passwd, group, shadow and homes, seen by the bed's processes only.

Run by `unshare --mount` as a program: sets up the mounts that namespace.json in the bed's folder lists, says "ready", and stays as the
process that keeps the namespace alive.
"""
import ctypes
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

MS_BIND, MS_REC = 4096, 16384
FIRST_UID = 41000


def mount(source, target, kind=None, flags=0, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    encode = lambda text: None if text is None else os.fsencode(text)  # noqa: E731
    if libc.mount(encode(source), encode(target), encode(kind), flags, encode(data)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mount {source} on {target}: {os.strerror(code)}")


def view(folder, mode, extra):
    """Replaces a folder by one with the same content, another mode, and the folders of `extra` (name -> source) added or put in place."""
    old = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    owner = os.stat(old)
    names = os.listdir(folder)
    mount("tmpfs", folder, "tmpfs", 0, f"mode={mode:o},uid={owner.st_uid},gid={owner.st_gid}")
    for name in names:
        if name in extra:
            continue
        source, target = f"/proc/self/fd/{old}/{name}", os.path.join(folder, name)
        kind = os.lstat(source).st_mode
        if stat.S_ISLNK(kind):
            os.symlink(os.readlink(source), target)
            continue
        if stat.S_ISDIR(kind):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
        mount(source, target, flags=MS_BIND | MS_REC)
    for name, source in extra.items():
        os.mkdir(os.path.join(folder, name))
        mount(source, os.path.join(folder, name), flags=MS_BIND | MS_REC)
    os.close(old)


def hidden_ancestors(path):
    """The folders above `path` that others may not pass, from the top. A temporary folder (mktemp -d) is opened for passing through: what is
    put into it later must be seen in the namespace, too."""
    found = []
    for parent in reversed(Path(path).parents):
        mode = stat.S_IMODE(parent.stat().st_mode)
        if mode & stat.S_IXOTH:
            continue
        if parent.parent.stat().st_mode & stat.S_ISVTX:
            parent.chmod(mode | 0o011)
        else:
            found.append(str(parent))
    return found


def hold(folder):
    plan = json.loads(Path(folder, "namespace.json").read_text())
    for hidden in plan["hidden"]:
        view(hidden, stat.S_IMODE(os.stat(hidden).st_mode) | 0o011, {})
    view("/home", 0o755, plan["homes"])
    for source, target in plan["files"].items():
        if os.path.exists(target):
            mount(source, target, flags=MS_BIND)
    print("ready", flush=True)
    os.execvp("sleep", ["sleep", "infinity"])


# -- the bed's side -------------------------------------------------------------------------------------------------------------------


def choose_accounts(services, people):
    """Names with uids and gids that the machine does not use."""
    taken = {int(line.split(":")[2]) for path in ("/etc/passwd", "/etc/group") for line in Path(path).read_text().splitlines() if line}
    free = (number for number in range(FIRST_UID, 60000) if number not in taken)
    accounts = {}
    for name in services:
        number = next(free)
        accounts[name] = {"name": name, "uid": number, "gid": number}
    for name in people:
        number = next(free)
        accounts[name] = {"name": name, "uid": number, "gid": number, "home": f"/home/{name}", "shell": "/bin/bash"}
    return accounts


def write_accounts(folder, accounts):
    """passwd, group, shadow: the machine's own, with the bed's in front."""
    folder.mkdir(parents=True, exist_ok=True)
    with_defaults = [{"home": "/nonexistent", "shell": "/usr/sbin/nologin", **account} for account in accounts.values()]
    lines = {
        "passwd": [f"{a['name']}:x:{a['uid']}:{a['gid']}::{a['home']}:{a['shell']}" for a in with_defaults],
        "group": [f"{a['name']}:x:{a['gid']}:" for a in with_defaults],
        "shadow": [f"{a['name']}:*:19000:0:99999:7:::" for a in with_defaults],  # no password; not locked
    }
    modes = {"passwd": 0o644, "group": 0o644, "shadow": 0o600}
    for name, own in lines.items():
        machine = [line for line in Path("/etc", name).read_text().splitlines() if line.split(":")[0] not in accounts]
        path = folder / name
        path.write_text("\n".join(own + machine) + "\n")
        path.chmod(modes[name])
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")


def make_homes(folder, accounts):
    homes = {}
    for account in accounts.values():
        if "home" not in account:
            continue
        home = folder / account["name"]
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, account["uid"], account["gid"])
        home.chmod(0o700)
        homes[account["name"]] = str(home)
    return homes


def start(bed, spare):
    """Makes the namespace and leaves a process in it that keeps it. @param spare  further paths that all accounts must reach"""
    from lab.layout import BedError
    from lab.processes import remember

    ns = bed.path("ns")
    write_accounts(ns, bed.state["accounts"])
    homes = make_homes(bed.path("homes"), bed.state["accounts"])
    records = {"wtmp": "/var/log/wtmp", "btmp": "/var/log/btmp", "lastlog": "/var/log/lastlog", "utmp": "/run/utmp"}
    for name in records:
        (ns / name).touch()
    files = {str(ns / name): f"/etc/{name}" for name in ("passwd", "group", "shadow", "nsswitch.conf")}
    files.update({str(ns / name): target for name, target in records.items()})
    hidden = list(dict.fromkeys(folder for path in (bed.folder, *spare) for folder in hidden_ancestors(path)))
    bed.path("namespace.json").write_text(json.dumps({"hidden": sorted(hidden, key=len), "homes": homes, "files": files}, indent=1))
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--", sys.executable, __file__, str(bed.folder)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                              cwd="/")
    if holder.stdout.readline().strip() != "ready":
        said = holder.stderr.read().strip().splitlines()
        raise BedError(f"no private mount namespace for the bed's accounts ({said[-1] if said else 'unshare failed'}); "
                       "as root the bed needs CAP_SYS_ADMIN; as another user it needs no namespace")
    remember(bed, "namespace", holder)
    holder.stdout.close()
    holder.stderr.close()


def end(bed):
    """Ends all processes that are still in the namespace, and the namespace with them."""
    import signal

    from lab.processes import namespace_members, send, stop, wait_gone

    holder = bed.state["parts"]["namespace"]
    for number, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 3)):
        members = namespace_members(holder["pid"])
        for process in members:
            send(process, number)
        if wait_gone(members, seconds):
            break
    stop(bed, "namespace")


if __name__ == "__main__":
    hold(sys.argv[1])
