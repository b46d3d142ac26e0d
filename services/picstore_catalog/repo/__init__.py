"""The catalog's SQL: one module for each noun, whose functions take the transaction's connection.

Every statement that reaches a team's row names the team and takes an `Access`
(`picstore_kit.pg.access`).
"""

from __future__ import annotations
