"""The connection to an S3: who we are there, how long we wait, and what we do not follow.

Connecting is given up after 3 s, a silent server after 20 s, each once more; redirects are not
followed, as an endpoint is somebody's input.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import (
    ChainedProvider,
    EnvAWSProvider,
    IamAwsProvider,
    Provider,
)
from minio.helpers import check_bucket_name

from picstore_kit.blobs.base import BlobStoreDenied

_AMAZON: Final = "s3.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config:
    """A bucket, or the part of one below a prefix."""

    bucket: str
    endpoint: str = ""
    """Such as `https://s3.example.org`; empty is Amazon's. Without a scheme it is https."""
    region: str | None = None
    """None lets Amazon tell it, and is `us-east-1` everywhere else."""
    prefix: str = ""
    """Put before every key, with a slash between."""
    access_key: str | None = None
    """None takes credentials from the surroundings: environment, web identity, container or
    instance metadata, in this order."""
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    virtual_host_style: bool = False
    """Whether the bucket is a part of the host name; Amazon's always is."""
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 20.0
    """Longest silence of the server, not the longest transfer."""


def connect(config: S3Config, *, connections: int) -> Minio:
    """Return a client that keeps up to `connections` open; nothing is sent yet.

    Raises:
        BlobStoreDenied: No store can be reached by such a configuration.
    """
    try:
        check_bucket_name(config.bucket)
        return _client(config, connections)
    except ValueError as error:
        raise BlobStoreDenied("InvalidConfiguration") from error


def _client(config: S3Config, connections: int) -> Minio:
    url = urlsplit(
        config.endpoint if "://" in config.endpoint else f"https://{config.endpoint or _AMAZON}"
    )
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("an endpoint is an http or https URL")
    http = _http(config, connections)
    client = Minio(
        url.netloc,
        access_key=config.access_key,
        secret_key=config.secret_key,
        session_token=config.session_token,
        secure=url.scheme == "https",
        region=config.region or (None if url.netloc.endswith(".amazonaws.com") else "us-east-1"),
        http_client=http,
        credentials=None if config.access_key else _Ambient(http),
    )
    if config.virtual_host_style:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK's gap
    return client


class _Ambient(Provider):
    """Credentials from the surroundings, and one clear error where there are none."""

    def __init__(self, http: urllib3.PoolManager) -> None:
        self._chain = ChainedProvider([EnvAWSProvider(), IamAwsProvider(http_client=http)])

    def retrieve(self) -> Credentials:
        try:
            return self._chain.retrieve()
        except (ValueError, OSError, urllib3.exceptions.HTTPError) as error:
            raise BlobStoreDenied("NoCredentialsFound") from error


def _http(config: S3Config, connections: int) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=connections,
        timeout=urllib3.Timeout(connect=config.connect_timeout_s, read=config.read_timeout_s),
        cert_reqs="CERT_REQUIRED",
        # SSL_CERT_FILE or the system's own, where there is one.
        ca_certs=ssl.get_default_verify_paths().cafile or certifi.where(),
        retries=urllib3.Retry(
            total=3,
            connect=1,
            read=1,
            redirect=False,
            status_forcelist=(500, 502, 503, 504),
            raise_on_status=False,
            backoff_factor=0.2,
        ),
    )
