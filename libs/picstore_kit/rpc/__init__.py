"""gRPC as Pic Store speaks it: servers, channels, errors, credentials."""

from __future__ import annotations
