"""Pictures: what a file is, what a profile makes of it, and the libvips pipeline that makes it.

Pure, for any process: `formats`, `sniff`, `integrity`, `facts`, `limits`, `rules`, `quality`,
`profile`, `geometry`, `spec`, `avif`, `cost` and `plan`.

With libvips, for a sandboxed child: `vips` and what builds on it (`probe`, `pipeline`, `steps`,
`encoders`, `placeholder`). The child runs the functions of `sandboxed`. `overlay` has both.
"""

from __future__ import annotations
