"""The HTTP gateway: JSON routes made from the contract, and the routes that carry bytes."""

from __future__ import annotations
