"""The upload service: takes in the bytes of pictures, checks them, and stores them as originals."""

from __future__ import annotations
