"""The gRPC face of the catalog: proto in, use-case, proto out."""

from __future__ import annotations
