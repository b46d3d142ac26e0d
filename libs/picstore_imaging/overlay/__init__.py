"""Overlay templates: what is drawn over a picture to make another one of it.

Pure, for any process: `template`, `records`, `validate`, `variables`, `bounds`, `boxes`, `breaks`,
`fitting`, `cost`, `sfnt` and `fonts`. The rest draws, with libvips, in a sandboxed child.
"""

from __future__ import annotations
