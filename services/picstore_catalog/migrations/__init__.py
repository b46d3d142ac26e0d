"""The catalog's schema, as files for `picstore_kit.pg.migrate`."""

from __future__ import annotations
