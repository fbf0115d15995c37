"""What ./quickstart does after the build: a bed, a login as a person would do it, a refusal, and what to try next."""
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

from lab import parts, up  # noqa: E402
from lab.layout import BedError, Layout, password_of  # noqa: E402
from lab.processes import alive, environment, remember, stop, wait_until  # noqa: E402

STATE = up.SOURCE / ".quickstart"
BED = STATE / "bed"
SOCKET = STATE / "agent.sock"
SSH_CONFIG = STATE / "ssh_config"


def show(what, seconds):
    print(f"  {seconds:6.1f} s  {what}", flush=True)


def shown(path):
    """As a person in this folder would type it."""
    path = Path(path)
    return str(path.relative_to(up.SOURCE)) if path.is_relative_to(up.SOURCE) else str(path)


def start_agent(bed):
    if alive(bed, "agent"):
        return
    with open(bed.path("log", "agent.log"), "ab") as log:
        child = subprocess.Popen([bed.program("gatehouse-agent"), "-D", "-a", str(SOCKET)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True, env=environment({"HOME": STATE}), cwd="/")
    remember(bed, "agent", child)
    wait_until(bed, "agent", SOCKET.exists)


def login(bed, person):
    """`gatehouse login` with the password on a descriptor. @return exit status and what it said"""
    reading, writing = os.pipe()
    os.write(writing, f"{password_of(person)}\n".encode())
    os.close(writing)
    words = [bed.program("gatehouse"), "login", *map(str, up.ca_words(bed)), "--user", person, "--password-fd", str(reading)]
    done = subprocess.run(words, pass_fds=[reading], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=environment({"SSH_AUTH_SOCK": SOCKET, "HOME": STATE}))
    os.close(reading)
    return done.returncode, done.stdout


def ssh(person, command):
    return subprocess.run(["ssh", "-F", str(SSH_CONFIG), f"{person}@localhost", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=environment({"HOME": STATE}))


def indented(text):
    return "".join(f"            {line}\n" for line in text.strip().splitlines())


def tour(bed):
    """What a person does and sees. @return the person, and gatehouse as one would type it"""
    for note in bed.notes:
        print(f"note: {note}", file=sys.stderr)
    began = time.monotonic()
    start_agent(bed)
    show("agent of the person who logs in", time.monotonic() - began)
    SSH_CONFIG.write_text(f"""# ssh -F {SSH_CONFIG} PERSON@localhost
Host localhost
  HostName 127.0.0.1
  Port {bed.port('sshd')}
  UserKnownHostsFile {bed.path('known_hosts')}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  IdentityAgent {SOCKET}
  IdentityFile none
  PreferredAuthentications publickey
""")

    person = "alice" if bed.as_root else bed.account("alice").name
    print(f"\nA person logs in ({person}; the server knows the CA, and nothing about {person}):\n")
    ca = f"--ca https://127.0.0.1:{bed.port('ca')} --ca-file {shown(bed.path('tls', 'ca', 'ca.pem'))}"
    gatehouse = shown(bed.program("gatehouse"))
    step(f"{gatehouse} login {ca} --user {person}", lambda: login(bed, person))
    step(f"ssh -F {shown(SSH_CONFIG)} {person}@localhost 'echo hello from $(id -un)'", lambda: of(ssh(person, "echo hello from $(id -un)")))
    print(indented("the server's word about it: " + last_line(bed, "login")))
    print("Another one does not (bob's password is right, but no role of the policy is for a group of his):\n")
    step(f"{gatehouse} login {ca} --user bob", lambda: login(bed, "bob"), refused=True)
    return person, gatehouse


def command_up(once):
    bed = up.up(BED, bin_folder=up.SOURCE / "build" / "release" / "bin", show=show)
    try:
        person, gatehouse = tour(bed)
    except BaseException:
        if once:  # who asked for one round wants nothing left behind, least of all of one that failed
            take_down(bed)
        raise
    if once:
        take_down(bed)
        print("All parts are stopped (--once).")
        return
    print("All parts run in the background. Try next:\n")
    commands = [
        (f"export SSH_AUTH_SOCK={SOCKET}", "your ssh now asks this agent"),
        (f"ssh -F {shown(SSH_CONFIG)} {person}@localhost", "a shell on a terminal"),
        (f"sftp -F {shown(SSH_CONFIG)} {person}@localhost", "files"),
        ("ssh-add -L | ssh-keygen -L -f -", "the certificate, as stock OpenSSH reads it"),
        (f"{gatehouse} status", "what the agent holds, and when it renews"),
        (f"tail -n 5 {shown(bed.path('log', 'audit.json'))}", "who did what, as JSON lines"),
        (f"cat {shown(bed.path('policy.toml'))} {shown(bed.path('sshd_config'))}", "how it is configured"),
        (f"cat {shown(bed.path('env'))}", "where everything is; docs/test-bed.md tells more"),
        ("./quickstart down", "stop and remove it all"),
    ]
    width = max(len(command) for command, _ in commands)
    for command, what in commands:
        print(f"  {command:{width}}   # {what}")
    print('\nThe password of each sample person is the name and "-password".')


def of(done):
    return done.returncode, done.stdout


def step(command, action, refused=False):
    began = time.monotonic()
    status, said = action()
    print(f"  {time.monotonic() - began:6.1f} s  $ {command}\n{indented(said)}", flush=True)
    if (status == 0) == refused:
        raise BedError(f"this should have {'been refused' if refused else 'worked'} (exit status {status}); the parts' logs are in {shown(BED / 'log')}")


def last_line(bed, event):
    lines = [line for line in bed.path("log", "audit.json").read_text().splitlines() if f'"event":"{event}"' in line.replace(": ", ":")]
    return lines[-1] if lines else "none"


def take_down(bed):
    stop(bed, "agent")
    parts.stop_all(bed)


def command_down(purge):
    packages = STATE / "packages-added"
    if (BED / "bed.json").exists():
        take_down(Layout.load(BED))
    added = packages.read_text().split() if packages.exists() else []
    for entry in STATE.iterdir():
        if entry != packages:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    print("All parts are stopped and their files removed; the build stays in build/release.")
    if purge:
        if added:
            print("Packages that quickstart added; this removes them:\n  apt-get purge " + " ".join(sorted(set(added))))
        else:
            print("Quickstart added no packages.")
    if not added:
        packages.unlink(missing_ok=True)
        STATE.rmdir()


def main():
    try:
        command_up("--once" in sys.argv) if sys.argv[1] == "up" else command_down("--purge" in sys.argv)
    except BedError as mistake:
        print(f"quickstart: {mistake}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
