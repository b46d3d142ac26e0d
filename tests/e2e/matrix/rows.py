"""All rows. An RPC without one fails the test."""

from __future__ import annotations

from tests.e2e.matrix import rows_auth, rows_imports, rows_pictures, rows_projects, rows_uploads
from tests.e2e.matrix.row import ROWS, Row, requests_of

__all__ = ["ROWS", "Row", "requests_of"]

FILLED_BY = (rows_auth, rows_projects, rows_pictures, rows_imports, rows_uploads)
"""Importing them puts their rows into the table."""
