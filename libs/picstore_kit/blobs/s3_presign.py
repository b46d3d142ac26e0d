"""Requests to an S3 that others may send: signed with all that the store is to hold them to.

The SDK signs nothing but the host, so the store would take any length and any media type. Amazon's
own signer (botocore) does the signing of PUTs; the addresses are those that the SDK itself uses.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlunsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.datatypes import PostPolicy

from picstore_kit.blobs.base import BlobStoreDenied, PresignedRequest
from picstore_kit.blobs.checks import check_expiry, check_part, check_sizes
from picstore_kit.blobs.s3_errors import GET, PUT, mapped

_AS_A_FILE: Final[dict[str, str | list[str] | tuple[str]]] = {
    "response-content-disposition": "attachment"
}
"""Whoever opens it in a browser saves it: what a stranger uploaded is not shown at the store's own
address, where a page that it turns out to be would be at home."""


class S3Presigner:
    """Signs with the credentials of `client`; its calls may block, to ask for those.

    A request is good for no longer than the credentials that signed it.
    """

    def __init__(self, client: Minio, bucket: str, name_of: Callable[[str], str]) -> None:
        self._client = client
        self._bucket = bucket
        self._name_of = name_of

    def get(self, key: str, *, expires_s: int) -> str:
        """Return the URL that reads the object."""
        name = self._name_of(key)
        check_expiry(expires_s)
        with mapped(key, GET):
            return self._client.get_presigned_url(
                "GET",
                self._bucket,
                name,
                expires=timedelta(seconds=expires_s),
                response_headers=_AS_A_FILE,
            )

    def put(
        self, key: str, *, expires_s: int, content_type: str, size: int, sha256: str | None
    ) -> PresignedRequest:
        """Return a PUT of exactly this media type, length and content."""
        check_sizes(size, size)
        headers = {"content-length": str(size), "content-type": content_type}
        if sha256 is not None:
            digest = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["x-amz-checksum-sha256"] = digest
        return self._signed_put(key, {}, headers, expires_s)

    def part(
        self, key: str, upload_id: str, number: int, *, size: int, expires_s: int
    ) -> PresignedRequest:
        """Return a PUT of a part of exactly this length."""
        check_part(number)
        check_sizes(size, size)
        query = {"partNumber": str(number), "uploadId": upload_id}
        return self._signed_put(key, query, {"content-length": str(size)}, expires_s)

    def post(
        self, key: str, *, expires_s: int, content_type: str, min_size: int, max_size: int
    ) -> PresignedRequest:
        """Return a form for this key and media type, and a size in the range."""
        check_expiry(expires_s)
        check_sizes(min_size, max_size)
        fixed = {"key": self._name_of(key), "Content-Type": content_type}
        policy = PostPolicy(self._bucket, datetime.now(UTC) + timedelta(seconds=expires_s))
        for field, value in fixed.items():
            policy.add_equals_condition(field, value)
        policy.add_content_length_range_condition(min_size, max_size)
        with mapped(key, PUT):
            signed = self._client.presigned_post_policy(policy)
            url = self._url("POST", None, {})
        return PresignedRequest(method="POST", url=url, fields={**fixed, **signed})

    def _signed_put(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str], expires_s: int
    ) -> PresignedRequest:
        name = self._name_of(key)
        check_expiry(expires_s)
        with mapped(key, PUT):  # the region may have to be asked for
            found, region = self._credentials(), self._region()
            request = AWSRequest("PUT", self._url("PUT", name, query), headers=dict(headers))
        known = ReadOnlyCredentials(found.access_key, found.secret_key, found.session_token)
        S3SigV4QueryAuth(known, "s3", region, expires=expires_s).add_auth(request)
        return PresignedRequest(method="PUT", url=request.url, headers=headers)

    # Private parts of the SDK: it has no other way to learn which address, which region and which
    # credentials its own requests have.

    def _url(self, method: str, name: str | None, query: Mapping[str, str]) -> str:
        built = self._client._base_url.build(
            method=method,
            region=self._region(),
            bucket_name=self._bucket,
            object_name=name,
            query_params={**query},
        )
        return urlunsplit(built)

    def _region(self) -> str:
        return self._client._get_region(self._bucket)

    def _credentials(self) -> Credentials:
        if self._client._provider is None:
            raise BlobStoreDenied("NoCredentialsFound")
        return self._client._provider.retrieve()
