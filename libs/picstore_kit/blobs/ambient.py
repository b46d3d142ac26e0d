"""Credentials from the surroundings of a process, as Amazon's own tools find them.

The first of these that is configured is asked, and no other:

1. environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`
2. web identity (EKS and others): `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`
3. container (ECS, EKS pod identity): `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI`
4. the metadata service of the EC2 instance, unless `AWS_EC2_METADATA_DISABLED` is `true`

The metadata service is spoken to by its version 2 alone, whose session token a forged request
cannot get: where that is refused there are no credentials. Not the SDK's providers: those know no
other endpoint than the standard ones, trust any host that a full URI names as soon as a token file
is set, put web identity tokens into URLs, and are not safe to use from several threads.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import structlog
import urllib3
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider

from picstore_kit.blobs.base import BlobStoreDenied
from picstore_kit.net.fetch import ca_certificates

RENEW_BEFORE: Final = timedelta(minutes=5)
"""Credentials are renewed this long before they expire, as Amazon's SDKs do."""

_RETRY_S: Final = 30.0
"""Seconds to the next try to renew what is still good."""

_CONTAINER_HOST: Final = "http://169.254.170.2"
# ECS, and EKS pod identity: plain http is for these and for loopback.
_CONTAINER_ADDRESSES: Final = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
_METADATA_V4: Final = "http://169.254.169.254"
_METADATA_V6: Final = "http://[fd00:ec2::254]"
_METADATA_TOKEN_TTL_S: Final = 21600
_STS_NAMESPACE: Final = "{https://sts.amazonaws.com/doc/2011-06-15/}"

log = structlog.get_logger(__name__)


class NoCredentials(Exception):
    """A source has none; the message says what is missing, without secrets."""


class AmbientCredentials(Provider):
    """Credentials from the surroundings, renewed before they expire; for any number of threads."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        http: urllib3.PoolManager | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._environ = environ
        self._http = http or urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=1.0, read=5.0),
            retries=urllib3.Retry(total=1, redirect=False, backoff_factor=0.2),
            cert_reqs="CERT_REQUIRED",
            ca_certs=ca_certificates(),
        )
        self._now = now
        self._lock = threading.Lock()
        self._known: Credentials | None = None
        self._expires: datetime | None = None
        self._next_try = 0.0

    def retrieve(self) -> Credentials:
        """Return credentials that are good for a while. Blocks.

        Raises:
            BlobStoreDenied: There are none (`NoCredentialsFound`); the log says what was tried.
        """
        with self._lock:
            if self._known is None or self._is_due():
                self._renew()
            if self._known is None or self._has_expired():
                raise BlobStoreDenied("NoCredentialsFound")
            return self._known

    def _is_due(self) -> bool:
        if self._expires is None or self._now() < self._expires - RENEW_BEFORE:
            return False
        return self._has_expired() or time.monotonic() >= self._next_try

    def _has_expired(self) -> bool:
        return self._expires is not None and self._now() >= self._expires

    def _renew(self) -> None:
        try:
            self._known, self._expires = self._fetch()
        except (NoCredentials, OSError, urllib3.exceptions.HTTPError) as error:
            reason = str(error) if isinstance(error, NoCredentials) else type(error).__name__
            log.warning("credentials.not_renewed", reason=reason)
            self._next_try = time.monotonic() + _RETRY_S

    def _fetch(self) -> tuple[Credentials, datetime | None]:
        environ = self._environ
        if environ.get("AWS_ACCESS_KEY_ID"):
            return self._from_environment(), None
        if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            return self._from_web_identity(environ["AWS_WEB_IDENTITY_TOKEN_FILE"])
        if relative := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
            return self._from_container(f"{_CONTAINER_HOST}/{relative.lstrip('/')}")
        if full := environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            return self._from_container(_checked_container_url(full))
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise NoCredentials("no source of credentials is configured")
        return self._from_instance()

    def _from_environment(self) -> Credentials:
        secret = self._environ.get("AWS_SECRET_ACCESS_KEY")
        if not secret:
            raise NoCredentials("AWS_SECRET_ACCESS_KEY is not set beside AWS_ACCESS_KEY_ID")
        token = self._environ.get("AWS_SESSION_TOKEN") or None
        return Credentials(self._environ["AWS_ACCESS_KEY_ID"], secret, session_token=token)

    def _from_web_identity(self, token_file: str) -> tuple[Credentials, datetime | None]:
        role = self._environ.get("AWS_ROLE_ARN")
        if not role:
            raise NoCredentials("AWS_ROLE_ARN is not set beside AWS_WEB_IDENTITY_TOKEN_FILE")
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": self._environ.get("AWS_ROLE_SESSION_NAME") or "picstore",
            "WebIdentityToken": _content_of(token_file),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self._sts_endpoint()}/"
        answer = self._ask("POST", url, headers, what="the STS", body=urlencode(form))
        try:
            # The operator's own STS; the parser resolves no external entities.
            found = ET.fromstring(answer).find(f".//{_STS_NAMESPACE}Credentials")
        except ET.ParseError:
            found = None
        if found is None:
            raise NoCredentials("the STS does not answer with credentials")
        return _credentials(
            {child.tag.removeprefix(_STS_NAMESPACE): child.text or "" for child in found},
            token="SessionToken",  # a name
        )

    def _sts_endpoint(self) -> str:
        given = self._environ.get("AWS_ENDPOINT_URL_STS") or self._environ.get("AWS_ENDPOINT_URL")
        if given:
            return given.rstrip("/")
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        if not region:
            return "https://sts.amazonaws.com"
        suffix = ".cn" if region.startswith("cn-") else ""
        return f"https://sts.{region}.amazonaws.com{suffix}"

    def _from_container(self, url: str) -> tuple[Credentials, datetime | None]:
        # The file comes first: it is what is renewed.
        if token_file := self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = _content_of(token_file)
        else:
            token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        headers = {"Authorization": token} if token else {}
        return _from_json(self._ask("GET", url, headers, what="the container's endpoint"))

    def _from_instance(self) -> tuple[Credentials, datetime | None]:
        base = self._metadata_endpoint()
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(_METADATA_TOKEN_TTL_S)}
        token = self._ask("PUT", f"{base}/latest/api/token", ttl, what="the token of IMDSv2")
        session = {"X-aws-ec2-metadata-token": token.decode("ascii", errors="replace")}
        roles = f"{base}/latest/meta-data/iam/security-credentials/"
        listed = self._ask("GET", roles, session, what="the instance's role").decode().split()
        if not listed:
            raise NoCredentials("the instance has no role")
        return _from_json(self._ask("GET", roles + listed[0], session, what="the role"))

    def _metadata_endpoint(self) -> str:
        given = self._environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        if given:
            return given.rstrip("/")
        mode = self._environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "")
        return _METADATA_V6 if mode.lower() == "ipv6" else _METADATA_V4

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        what: str,
        body: str | None = None,
    ) -> bytes:
        answer = self._http.request(method, url, headers=headers, body=body, redirect=False)
        if answer.status != 200:
            raise NoCredentials(f"{what} answers with status {answer.status}")
        return answer.data


def _checked_container_url(url: str) -> str:
    """Return a URL that a token may be sent to: plain http only where nobody listens in."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return url
    host = parts.hostname or ""
    try:
        near = host in _CONTAINER_ADDRESSES or ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    if parts.scheme != "http" or not near:
        raise NoCredentials("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor local")
    return url


def _content_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoCredentials(f"the token file cannot be read: {error.strerror}") from None


def _from_json(answer: bytes) -> tuple[Credentials, datetime | None]:
    try:
        fields = json.loads(answer)
    except ValueError:
        raise NoCredentials("the answer is no JSON") from None
    if not isinstance(fields, dict) or fields.get("Code", "Success") != "Success":
        raise NoCredentials("the answer has no credentials")
    return _credentials(fields, token="Token")  # a name


def _credentials(fields: Mapping[str, str], *, token: str) -> tuple[Credentials, datetime | None]:
    try:
        expires = datetime.fromisoformat(fields["Expiration"])
        found = Credentials(
            fields["AccessKeyId"], fields["SecretAccessKey"], session_token=fields[token]
        )
    except (KeyError, TypeError, ValueError):
        raise NoCredentials("the answer lacks a part of the credentials") from None
    return found, expires if expires.tzinfo else expires.replace(tzinfo=UTC)
