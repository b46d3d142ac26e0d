"""Where pictures are kept: one protocol over any S3, a local directory, or memory."""

from __future__ import annotations
