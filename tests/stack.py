"""The whole of Pic Store as a user starts it: `picstore up` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import psycopg
from minio import Minio

from picstore_client import PicStoreClient
from picstore_local.datadir import running_stack
from picstore_local.services import OPERATOR

T = TypeVar("T")

PATIENCE_S = 90.0
"""How long anything may take before a test gives up on it; no test asserts on a time below."""


def eventually(look: Callable[[], T | None], what: str) -> T:
    """Look again and again until there is something, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.05)


@dataclass
class LiveStack:
    """A stack that is up, and what is needed to use it and to hurt it."""

    data_dir: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    gateway: str = ""
    api_key: str = field(default="", repr=False)

    def client(self, api_key: str | None = None) -> PicStoreClient:
        """Return a client of the gateway, of the demo team if no other key is given."""
        return PicStoreClient(self.gateway, api_key or self.api_key)

    def http(self, api_key: str | None = None) -> httpx.Client:
        """Return a plain HTTP client of the gateway."""
        key = self.api_key if api_key is None else api_key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.gateway, headers=headers, timeout=60)

    def targets(self) -> dict[str, str]:
        """Return the gRPC target of every service."""
        stack = running_stack(self.data_dir)
        assert stack is not None
        return dict(stack.urls)

    def secret(self, name: str) -> str:
        """Return a secret of the stack."""
        stack = running_stack(self.data_dir)
        assert stack is not None
        return stack.secrets[name]

    def pid(self, name: str) -> int:
        """Return the process id of a server or service."""

        def look() -> int | None:
            children = json.loads((self.data_dir / "children.json").read_text())
            pids = [child["pid"] for child in children if child["name"] == name]
            return pids[-1] if pids else None

        return eventually(look, f"a process {name}")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a service and wait until another process has taken its place."""
        old = self.pid(name)
        os.kill(old, number)
        eventually(lambda: self.pid(name) if self.pid(name) != old else None, f"a new {name}")

    def sandbox_children(self, name: str) -> list[psutil.Process]:
        """Return the sandboxed children of a service that are busy or idle now."""
        try:
            return psutil.Process(self.pid(name)).children()
        except psutil.NoSuchProcess:
            return []

    def ready(self) -> bool:
        """Say whether every service answers."""
        try:
            return httpx.get(f"{self.gateway}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self) -> None:
        """Wait until every service answers."""
        eventually(lambda: True if self.ready() else None, "a ready gateway")

    def picstore(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user of this stack would."""
        return subprocess.run(
            [sys.executable, "-m", "picstore_cli.main", *arguments],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def bootstrap(self, path: Path, *arguments: str, **variables: str) -> str:
        """Apply a bootstrap document and return what was printed."""
        done = self.picstore("bootstrap", str(path), *arguments, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection to Postgres as its administrator; every statement is committed."""
        port = json.loads((self.data_dir / "state.json").read_text())["ports"]["postgres"]
        return psycopg.connect(
            host="127.0.0.1",
            port=port,
            user="postgres",
            password=self.secret("postgres"),
            dbname="picstore",
            autocommit=True,
        )

    def store(self) -> Minio:
        """Return a client of the S3 store."""
        port = json.loads((self.data_dir / "state.json").read_text())["ports"]["s3"]
        return Minio(
            f"127.0.0.1:{port}",
            access_key=self.secret("s3_access_key"),
            secret_key=self.secret("s3_secret_key"),
            secure=False,
            region="us-east-1",
        )

    def assert_no_upload_left_anything(self) -> None:
        """Let the time of every upload be over, and wait until only originals of pictures are left.

        Whatever still lies there after a while is an orphan.
        """
        with self.database() as database:
            database.execute(
                "UPDATE upload.uploads SET lease_until = clock_timestamp() - interval '1 second'"
            )
            database.execute(
                "UPDATE upload.sessions SET lease_until = NULL,"
                " expires_at = least(expires_at, clock_timestamp()), due_at = clock_timestamp(),"
                " signed_until = signed_until - interval '1 day'"
            )
        eventually(
            lambda: True if not self.orphans(["picstore-originals"]) else None,
            "a bucket with nothing but originals in it",
        )

    def orphans(
        self, buckets: Sequence[str] = ("picstore-originals", "picstore-outputs")
    ) -> list[str]:
        """Return what lies in the buckets and belongs to nothing that the catalog knows."""
        store = self.store()
        there = set()
        for bucket in buckets:
            for item in store.list_objects(bucket, recursive=True):
                there.add(f"{bucket}/{item.object_name}")
            for part in store._list_multipart_uploads(bucket).uploads:
                there.add(f"{bucket}/{part.object_name} (parts)")
        with self.database() as database:
            originals = database.execute("SELECT object_key FROM catalog.originals").fetchall()
            outputs = database.execute(
                "SELECT object_key FROM catalog.outputs WHERE object_key IS NOT NULL"
            ).fetchall()
        known = {f"picstore-originals/{key}" for (key,) in originals}
        known |= {f"picstore-outputs/{key}" for (key,) in outputs}
        return sorted(there - known)

    def nats_url(self) -> str:
        """Return the URL of the bus, password and all."""
        port = json.loads((self.data_dir / "state.json").read_text())["ports"]["nats"]
        return f"nats://picstore:{self.secret('nats')}@127.0.0.1:{port}"

    def demo_variables(self) -> dict[str, str]:
        """Return the variables of the demo's document."""
        port = json.loads((self.data_dir / "state.json").read_text())["ports"]["s3"]
        endpoint = f"http://127.0.0.1:{port}"
        return {
            "PICSTORE_DEMO_API_KEY": self.api_key,
            "PICSTORE_DEMO_S3_ENDPOINT": endpoint,
            "PICSTORE_DEMO_S3_REGION": "us-east-1",
            "PICSTORE_DEMO_S3_ACCESS_KEY": self.secret("s3_access_key"),
            "PICSTORE_DEMO_S3_SECRET_KEY": self.secret("s3_secret_key"),
            "PICSTORE_DEMO_ORIGINALS_BUCKET": "picstore-originals",
            "PICSTORE_DEMO_OUTPUTS_BUCKET": "picstore-outputs",
            "PICSTORE_DEMO_PUBLIC_URL": f"{endpoint}/picstore-outputs",
        }


@contextmanager
def live_stack(data_dir: Path, **settings: str) -> Iterator[LiveStack]:
    """Start a stack with the demo team in it, and stop it at the end."""
    environment = {
        **os.environ,
        "PICSTORE_LOCAL__DATA_DIR": str(data_dir),
        "PICSTORE_LOCAL__POSTGRES_FSYNC": "false",
        "PICSTORE_SWEEP_INTERVAL_S": "1",
        "PICSTORE_INGEST__SWEEP_INTERVAL_S": "1",
        # The web servers of tests are on this machine, and so are those that imports fetch from.
        "PICSTORE_IMPORTS__EGRESS__ALLOWED": '["127.0.0.1"]',
        # All that tests try with bad credentials comes from one address within a minute.
        "PICSTORE_RATE_LIMITS__CREDENTIAL_ID": "100000 per 1 minute",
        "PICSTORE_RATE_LIMITS__CREDENTIAL_ADDRESS": "100000 per 1 minute",
        "PICSTORE_RATE_LIMITS__LOGIN_ADDRESS": "100000 per 1 minute",
        **settings,
    }
    stack = _start(data_dir, environment)
    try:
        yield stack
    finally:
        stop(stack)


def stop(stack: LiveStack) -> None:
    """Stop a stack as Ctrl-C does, and wait until all of it is gone."""
    if stack.process.poll() is None:
        stack.process.send_signal(signal.SIGINT)
        try:
            stack.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            stack.process.kill()
            raise


def restart(stack: LiveStack) -> LiveStack:
    """Stop a stack and start it again on the same data."""
    stop(stack)
    return _start(stack.data_dir, stack.environment)


def demo_document() -> Path:
    """Return the path of the demo's bootstrap document."""
    return Path(str(resources.files("picstore_cli").joinpath("demo.yaml")))


def _start(data_dir: Path, environment: Mapping[str, str]) -> LiveStack:
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "picstore_cli.main", "up", "--demo"],
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    stack = LiveStack(data_dir=data_dir, environment=environment, process=process)

    def look() -> str | None:
        if process.poll() is not None:
            raise AssertionError(f"the stack did not start:\n{log.read_text()[-4000:]}")
        running = running_stack(data_dir)
        done = b"Ctrl-C stops" in log.read_bytes()
        return running.urls.get("gateway") if running and done else None

    try:
        stack.gateway = eventually(look, "the stack")
    except BaseException:
        stop(stack)
        raise
    stack.api_key = stack.secret("demo_api_key")
    assert stack.secret(f"service.{OPERATOR}")
    return stack
