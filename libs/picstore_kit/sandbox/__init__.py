"""Running code on hostile input in processes that can be lost.

`pool.ChildPool` is the parent's side. Each child is a fresh interpreter (never a fork) that gives
up what it can before it imports its target: see `report` for the layers. Messages are JSON lines.
"""

from __future__ import annotations
