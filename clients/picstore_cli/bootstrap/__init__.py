"""`picstore bootstrap`: makes an installation agree with a document, as often as one likes."""

from __future__ import annotations
