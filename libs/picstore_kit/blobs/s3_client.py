"""The connection to an S3: who we are there, how long we wait, and what we do not follow.

Connecting is given up after 3 s, a silent server after 20 s, each once more; redirects are not
followed, as an endpoint is somebody's input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.helpers import check_bucket_name

from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.base import BlobStoreDenied
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.net.fetch import ca_certificates
from picstore_kit.net.guarded import GuardedPoolManager

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
    """None takes the credentials of `ambient`."""
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    virtual_host_style: bool = False
    """Whether the bucket is a part of the host name; Amazon's always is."""
    ambient: AmbientCredentials | None = field(default=None, repr=False)
    """Credentials from the surroundings; None for who may not have them."""
    egress: EgressPolicy | None = None
    """What may be connected to; None for what the operator has set up, which may be anywhere."""
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 20.0
    """Longest silence of the server, not the longest transfer."""
    answer_timeout_s: float = 60.0
    """Longest time to an answer, where `egress` says that the server is not to be trusted."""


def connect(config: S3Config, *, connections: int) -> Minio:
    """Return a client that keeps up to `connections` open; nothing is sent yet.

    Raises:
        BlobStoreDenied: No store can be reached by such a configuration.
    """
    try:
        check_bucket_name(config.bucket)
        if not config.access_key and config.ambient is None:
            raise BlobStoreDenied("NoCredentialsFound")
        return _client(config, connections)
    except ValueError as error:
        raise BlobStoreDenied("InvalidConfiguration") from error


def _client(config: S3Config, connections: int) -> Minio:
    url = urlsplit(
        config.endpoint if "://" in config.endpoint else f"https://{config.endpoint or _AMAZON}"
    )
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("an endpoint is an http or https URL")
    client = Minio(
        url.netloc,
        access_key=config.access_key,
        secret_key=config.secret_key,
        session_token=config.session_token,
        secure=url.scheme == "https",
        region=config.region or (None if url.netloc.endswith(".amazonaws.com") else "us-east-1"),
        http_client=_http(config, connections),
        credentials=None if config.access_key else config.ambient,
    )
    if config.virtual_host_style:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK's gap
    return client


def _http(config: S3Config, connections: int) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": connections,
        "timeout": urllib3.Timeout(connect=config.connect_timeout_s, read=config.read_timeout_s),
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": ca_certificates(),
        "retries": urllib3.Retry(
            total=3,
            connect=1,
            read=1,
            redirect=False,
            status_forcelist=(500, 502, 503, 504),
            raise_on_status=False,
            backoff_factor=0.2,
        ),
    }
    if config.egress is None:
        return urllib3.PoolManager(**options)
    return GuardedPoolManager(config.egress, answer_s=config.answer_timeout_s, **options)
