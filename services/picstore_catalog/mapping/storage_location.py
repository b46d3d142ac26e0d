"""Storage locations on the wire. Their secrets go in, and out only to services (`with_secret`)."""

from __future__ import annotations

from picstore.catalog.v1 import storage_location_pb2
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.storage_location import LocalDirectory, S3Bucket, StorageLocation
from picstore_catalog.model.stored import Stored


def location_message(stored: Stored[StorageLocation]) -> storage_location_pb2.StorageLocation:
    """Return a location as callers see it, without its secret."""
    location = stored.value
    message = storage_location_pb2.StorageLocation(
        id=location.id,
        project_id=location.project_id or "",
        short_name=location.short_name,
        display_name=location.display_name,
        public_base_url=location.public_base_url,
        cache_control=location.cache_control,
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
    )
    match location.provider:
        case S3Bucket() as s3:
            message.s3.CopyFrom(
                storage_location_pb2.S3Provider(
                    endpoint=s3.endpoint,
                    region=s3.region,
                    bucket=s3.bucket,
                    prefix=s3.prefix,
                    access_key_id=s3.access_key_id,
                )
            )
        case LocalDirectory() as local:
            message.local.CopyFrom(storage_location_pb2.LocalProvider(directory=local.directory))
    return message


def with_secret(
    message: storage_location_pb2.StorageLocation, secret: str
) -> storage_location_pb2.StorageLocation:
    """Add the secret access key, where there is one, for a service that opens the store."""
    if secret:
        message.s3.secret_access_key = secret
    return message
