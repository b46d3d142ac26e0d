"""The commands, one module for each noun: what they are called, take and print."""

from __future__ import annotations
