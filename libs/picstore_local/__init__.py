"""The embedded stack: Postgres, NATS, an S3 store and every service, on this machine alone."""

from __future__ import annotations
