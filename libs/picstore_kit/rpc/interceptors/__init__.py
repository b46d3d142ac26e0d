"""What is done around every call that a server gets, one module each, outermost first."""

from __future__ import annotations
