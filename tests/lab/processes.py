"""The bed's processes: started in its namespace and as their accounts, remembered by pid and start time, stopped by pid."""
import os
import signal
import subprocess
import time
from pathlib import Path

from lab.layout import BedError

# Variables of the caller that reach the parts; nothing else does.
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE")


def environment(extra=None):
    result = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    result.update({name: os.environ[name] for name in PASSED_ON if name in os.environ})
    # A process that cannot be traced (PR_SET_DUMPABLE 0) has no leak check at its end.
    result.setdefault("ASAN_OPTIONS", "detect_leaks=0")
    result.update({name: str(value) for name, value in (extra or {}).items()})
    return result


def start_time(pid):
    """When a process began, in clock ticks since boot; with its pid it names a process for ever. None: it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def entered(bed, argv, account=None):
    """argv, run where the bed's accounts exist, as one of them."""
    wrap = []
    if bed.as_root:
        holder = bed.state["parts"]["namespace"]
        if start_time(holder["pid"]) != holder["start"]:
            raise BedError(f"the bed's namespace is gone; stop and start it: lab down {bed.folder}; lab up {bed.folder}")
        # The root as well: the bed may be up in a chroot, and a mount namespace alone leads out of it.
        wrap = ["nsenter", f"--target={holder['pid']}", "--mount", "--root", "--wdns=/", "--"]
        if account is not None:
            wrap += ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--inh-caps=-all", "--"]
    return wrap + [str(word) for word in argv]


def run(bed, argv, account=None, env=None, **options):
    """One command in the bed; its output is the result. BedError with its last words when it fails."""
    done = subprocess.run(entered(bed, argv, account), env=environment(env), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=options.pop("stdin", subprocess.DEVNULL), timeout=options.pop("timeout", 120), **options)
    if done.returncode != 0:
        raise BedError(f"{Path(str(argv[0])).name} {' '.join(map(str, argv[1:3]))} … failed ({done.returncode}): "
                       f"{(done.stderr.strip() or done.stdout.strip())[-2000:]}")
    return done.stdout


def spawn(bed, name, argv, account=None, env=None):
    """Starts a part. Its standard output and error go to log/NAME.log."""
    log = bed.path("log", f"{name}.log")
    with open(log, "ab") as output:
        child = subprocess.Popen(entered(bed, argv, account), env=environment(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                 start_new_session=True, cwd="/")
    remember(bed, name, child)
    return child


def remember(bed, name, child):
    bed.state["parts"][name] = {"pid": child.pid, "start": start_time(child.pid)}
    bed.save()


def alive(bed, name):
    part = bed.state["parts"].get(name)
    return part is not None and part["start"] is not None and start_time(part["pid"]) == part["start"]


def last_words(bed, name, lines=15):
    try:
        return "\n".join(bed.path("log", f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def wait_until(bed, name, answers, seconds=30):
    """Until answers() is true. BedError when the part ends before, or time is over."""
    end = time.monotonic() + seconds
    pause = 0.01
    while True:
        if answers():
            return
        if not alive(bed, name):
            raise BedError(f"{name} ended at its start; the end of {bed.path('log', name + '.log')}:\n{last_words(bed, name)}")
        if time.monotonic() > end:
            raise BedError(f"{name} does not answer after {seconds} s; the end of {bed.path('log', name + '.log')}:\n{last_words(bed, name)}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def descendants(pid):
    """All processes below pid, as (pid, start time)."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append((child, start_time(child)))
            queue.append(child)
    return found


def namespace_members(holder_pid):
    """All processes in the mount namespace of holder_pid, as (pid, start time)."""
    try:
        wanted = os.stat(f"/proc/{holder_pid}/ns/mnt").st_ino
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != holder_pid:
            try:
                if os.stat(entry / "ns" / "mnt").st_ino == wanted:
                    found.append((int(entry.name), start_time(int(entry.name))))
            except OSError:
                continue
    return found


def send(process, number):
    pid, start = process
    if start is not None and start_time(pid) == start:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
        return True
    return False


def wait_gone(processes, seconds):
    end = time.monotonic() + seconds
    while any(start is not None and start_time(pid) == start for pid, start in processes):
        if time.monotonic() > end:
            return False
        reap()
        time.sleep(0.02)
    return True


def reap():
    """Children of this very process that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def stop(bed, name, seconds=10):
    """Ends one part and everything it started: TERM, then KILL."""
    part = bed.state["parts"].get(name)
    if part is None:
        return
    own = (part["pid"], part["start"])
    if alive(bed, name):
        below = descendants(part["pid"])
        send(own, signal.SIGTERM)
        if not wait_gone([own], seconds):
            send(own, signal.SIGKILL)
        for process in below:
            send(process, signal.SIGTERM)
        if not wait_gone(below, 3):
            for process in below:
                send(process, signal.SIGKILL)
            wait_gone(below, 3)
    reap()
    del bed.state["parts"][name]
    bed.save()
