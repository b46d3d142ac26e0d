"""The sandboxed process: `python -m picstore_kit.sandbox.child module:function START`.

START is JSON that `process.Child` writes: the descriptor to talk over, the parent's process id,
the limits, where it may write and what it may read. The protocol is one JSON object per line,
over a socket of its own, so that whatever a library prints cannot corrupt it:

    parent: the request
    child:  {"ready": report}, once; then per request any number of {"progress": …} and one of
            {"result": …}, {"refused": {"reason", "message", "metadata"}} or {"memory": true}

The target is `function(request, emit) -> dict`. If its module has a function `warm`, that is called
before the child says that it is ready. A `PicstoreError` is a refusal; any other exception ends
the process, since nobody knows what state it left.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from picstore_kit.errors import PicstoreError
from picstore_kit.sandbox.confinement import confine, seal
from picstore_kit.sandbox.limits import SandboxLimits, die_with_parent, limit_cpu

Emit = Callable[[dict[str, Any]], None]
Target = Callable[[dict[str, Any], Emit], dict[str, Any]]


def main(target: str, start: str) -> None:
    """Confine this process, then answer requests until the parent hangs up."""
    told = json.loads(start)
    limits = SandboxLimits(**told["limits"])
    # Ctrl-C is for the parent, which decides what becomes of running calls.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(told["fd"], False)
    with socket.socket(fileno=told["fd"]) as channel:
        report = confine(limits, Path(told["writable"]), [Path(path) for path in told["readable"]])
        die_with_parent(told["parent"])
        function = _load(target)
        _send(channel, {"ready": seal(report).to_json()})
        _serve(channel, function, limits)


def _load(target: str) -> Target:
    module_name, _, function_name = target.partition(":")
    module = importlib.import_module(module_name)
    function: Target = getattr(module, function_name)
    warm = getattr(module, "warm", None)
    if warm is not None:
        warm()
    return function


def _serve(channel: socket.socket, function: Target, limits: SandboxLimits) -> None:
    def emit(progress: dict[str, Any]) -> None:
        _send(channel, {"progress": progress})

    with channel.makefile("rb") as requests:
        for line in requests:
            limit_cpu(limits.cpu_s)
            try:
                result = function(json.loads(line), emit)
            except PicstoreError as error:
                _send(channel, {"refused": _refusal(error)})
            except MemoryError:
                _send(channel, {"memory": True})
                return  # what is left of the heap is in pieces
            else:
                _send(channel, {"result": result})


def _refusal(error: PicstoreError) -> dict[str, Any]:
    return {
        "reason": error.reason.value,
        "message": error.message,
        "metadata": dict(error.metadata),
    }


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
