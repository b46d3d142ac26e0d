"""The steps of a conversion, one to a file; `pipeline` puts them in order."""

from __future__ import annotations
