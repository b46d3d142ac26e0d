"""From the description of a storage location to the store behind it."""

from __future__ import annotations

from picstore_kit.blobs.base import BlobStore
from picstore_kit.blobs.local import LocalBlobStore, LocalConfig
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config

__all__ = ["LocalConfig", "S3Config", "StoreConfig", "open_store"]

StoreConfig = S3Config | LocalConfig


def open_store(config: StoreConfig) -> BlobStore:
    """Open the store that `config` describes; nothing is connected or created yet."""
    match config:
        case S3Config():
            return S3BlobStore(config)
        case LocalConfig():
            return LocalBlobStore(config.root)
