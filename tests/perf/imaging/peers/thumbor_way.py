"""thumbor's usual way: a request to its server for each output, one after the other.

It runs by the Python that thumbor is installed for, and so imports nothing of ours. Reads requests
and writes answers as lines of JSON; `peer` says what is in them. thumbor has no effort to set: WebP
and AVIF are made at Pillow's defaults.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

import thumbor  # type: ignore[import-not-found]  # of another installation

_START_S: Final = 30.0
_WHOLE: Final = "/"
"""What thumbor may load: the source is anywhere."""


def serve(port: int, work_dir: Path) -> subprocess.Popen[bytes]:
    """Start a server that stores nothing, and wait until it listens."""
    config = work_dir / "thumbor.conf"
    config.write_text(
        "LOADER = 'thumbor.loaders.file_loader'\n"
        f"FILE_LOADER_ROOT_PATH = '{_WHOLE}'\n"
        "STORAGE = 'thumbor.storages.no_storage'\n"
        "ALLOW_UNSAFE_URL = True\n"
    )
    command = [sys.executable, "-m", "thumbor.server", "-p", str(port), "-i", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "-c", str(config), "-l", "error"], stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return server
    server.kill()
    raise TimeoutError("thumbor does not listen")


def make(port: int, source: str, output: dict[str, Any]) -> None:
    """Make one output."""
    filters = f"filters:format({output['format']}):quality({output['quality']})"
    size = f"{output['width']}x{output['height']}"
    url = f"http://127.0.0.1:{port}/unsafe/{size}/{filters}{source}"
    with urllib.request.urlopen(url) as response:
        Path(output["path"]).write_bytes(response.read())


def cpu_ms(pid: int) -> float:
    """How long all threads of a process have worked, in milliseconds; counted in steps of 10."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Answer requests until there are no more."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        server = serve(port, Path(directory))
        try:
            for line in sys.stdin:
                request = json.loads(line)
                before = cpu_ms(server.pid)
                for output in request["outputs"]:
                    make(port, request["source"], output)
                spent = cpu_ms(server.pid) - before
                answer = {"cpu_ms": spent, "version": thumbor.__version__}
                print(json.dumps(answer), flush=True)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
