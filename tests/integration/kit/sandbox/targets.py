"""What the children of these tests run."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from picstore_kit.errors import InvalidArgument, Reason
from picstore_kit.sandbox.calls import PROCESSORS
from picstore_kit.sandbox.peak import peak_rss_bytes

Emit = Callable[[dict[str, Any]], None]
Action = Callable[[dict[str, Any], Emit], dict[str, Any]]

_warmed = False


def warm() -> None:
    global _warmed
    _warmed = True


def run(request: dict[str, Any], emit: Emit) -> dict[str, Any]:
    return _ACTIONS[request["do"]](request, emit)


def _count(request: dict[str, Any], emit: Emit) -> dict[str, Any]:
    for number in range(request["to"]):
        emit({"number": number})
    return {"counted": request["to"]}


def _describe(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "env": dict(os.environ),
        "modules": sorted(sys.modules),
        "warmed": _warmed,
        "files": len(os.listdir("/proc/self/fd")),
    }


def _print(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    print('{"result": {"forged": true}}')
    print('{"result": {"forged": true}}', file=sys.stderr)
    sys.stdout.write("x" * 1_000_000)
    return {"forged": False}


def _refuse(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    raise InvalidArgument(Reason.IMAGE_CORRUPT, "it is broken", metadata={"at": "byte 7"})


def _raise(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    raise RuntimeError("a bug")


def _open_many(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Open files until no more are to be had, and say how many there were at once."""
    held: list[int] = []
    try:
        while len(held) < 10_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return {"refused": error.strerror, "highest": max(held)}
    finally:
        for descriptor in held:
            os.close(descriptor)
    return {"allowed": True}


def _privileges(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Read what the kernel says of this process."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines)
    return {name: told[name].strip() for name in ("NoNewPrivs", "Seccomp", "CapEff")}


def _peak(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Hold some memory for a moment, and say what the kernel has counted since the last reset."""
    for place in range(0, len(held := bytearray(request["bytes"])), 4096):
        held[place] = 1
    del held
    return {"peak_rss_bytes": peak_rss_bytes()}


def _say_and_die(request: dict[str, Any], emit: Emit) -> dict[str, Any]:
    print(request["text"], flush=True)
    emit({"about": "to die"})
    return _die(request, emit)


def _die(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    # tgkill, as abort() does: kill() is not to be had in here.
    signal.pthread_kill(threading.get_ident(), request["signal"])
    return {}


def _crash(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return {"never": ctypes.string_at(0)}


def _exit(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    os._exit(3)


def _hang_up(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    os.close(_channel())
    time.sleep(60)
    return {}


def _sleep(request: dict[str, Any], emit: Emit) -> dict[str, Any]:
    emit({"pid": os.getpid()})
    time.sleep(request["s"])
    return {"slept": True}


def _burn(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    while True:
        pass


def _hoard(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    hoard = []
    while True:
        hoard.append(bytearray(16 * 1024 * 1024))


def _grow(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    global _kept
    _kept = b"x" * request["bytes"]
    return {"pid": os.getpid()}


_kept = b""


def _shout(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return {"text": "x" * request["bytes"]}


def _babble(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Write whatever the test asks for into the protocol's socket."""
    os.write(_channel(), request["line"].encode() + b"\n")
    time.sleep(60)
    return {}


def _channel() -> int:
    """Find the descriptor that the protocol uses, as a compromised child would."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                return int(name)
        except FileNotFoundError:
            continue  # the listing's own
    raise LookupError("no socket")


def _read(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(lambda: Path(request["path"]).read_bytes())


def _write(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(lambda: Path(request["path"]).write_bytes(b"x" * request.get("bytes", 1)))


def _connect(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(lambda: socket.create_connection((request["host"], request["port"]), 1))


def _exec(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(lambda: subprocess.run(["/bin/true"], check=True))


def _fork(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(os.fork)


def _kill(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(lambda: os.kill(request["pid"], 0))


def _ptrace(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    libc = ctypes.CDLL(None, use_errno=True)
    attach = 16
    if libc.ptrace(attach, request["pid"], None, None) < 0:
        return {"refused": os.strerror(ctypes.get_errno())}
    return {"allowed": True}


def _syscall(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Make any system call, as code of an attacker would, past what Python checks."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = PROCESSORS[platform.machine()].numbers[request["name"]]
    arguments = [
        argument.encode() if isinstance(argument, str) else ctypes.c_long(argument)
        for argument in request["arguments"]
    ]
    if libc.syscall(ctypes.c_long(number), *arguments) < 0:
        return {"refused": os.strerror(ctypes.get_errno())}
    return {"allowed": True}


def _os(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Call a function of `os`."""
    return _attempt(lambda: getattr(os, request["name"])(*request["arguments"]))


def _touch(request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    """Change whatever can be changed of a file beside its content; answers what was refused."""
    path = request["path"]
    attempts: dict[str, Callable[[], object]] = {
        "mode": lambda: os.chmod(path, 0o777),
        "owner": lambda: os.chown(path, os.getuid(), os.getgid()),
        "times": lambda: os.utime(path, (1, 1)),
        "attribute": lambda: os.setxattr(path, "user.picstore", b"1"),
        "no attribute": lambda: os.removexattr(path, "user.picstore"),
    }
    return {name: _attempt(attempt).get("refused") for name, attempt in attempts.items()}


def _lower_own_limit(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    return _attempt(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))


def _thread(_request: dict[str, Any], _emit: Emit) -> dict[str, Any]:
    ran = threading.Event()
    thread = threading.Thread(target=ran.set)
    thread.start()
    thread.join()
    return {"ran": ran.is_set()}


def _attempt(action: Callable[[], object]) -> dict[str, Any]:
    try:
        action()
    except OSError as error:
        return {"refused": error.strerror or type(error).__name__}
    return {"allowed": True}


_ACTIONS: dict[str, Action] = {
    "babble": _babble,
    "burn": _burn,
    "connect": _connect,
    "count": _count,
    "crash": _crash,
    "describe": _describe,
    "die": _die,
    "exec": _exec,
    "exit": _exit,
    "fork": _fork,
    "grow": _grow,
    "hang_up": _hang_up,
    "hoard": _hoard,
    "kill": _kill,
    "lower_own_limit": _lower_own_limit,
    "os": _os,
    "open_many": _open_many,
    "peak": _peak,
    "privileges": _privileges,
    "print": _print,
    "ptrace": _ptrace,
    "raise": _raise,
    "read": _read,
    "say_and_die": _say_and_die,
    "refuse": _refuse,
    "shout": _shout,
    "sleep": _sleep,
    "syscall": _syscall,
    "thread": _thread,
    "touch": _touch,
    "write": _write,
}
