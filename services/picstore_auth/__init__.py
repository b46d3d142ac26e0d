"""The auth service: teams, users, roles, API keys, and tokens by which services know each other."""

from __future__ import annotations
