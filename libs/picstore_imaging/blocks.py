"""The metadata blocks of a source, and what of them an output carries.

A picture that goes to an encoder carries exactly what its file is to have: `exif-data`,
`xmp-data`, `iptc-data` and `icc-profile-data`, each where there is one, and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyvips

from picstore_imaging import exif, iptc, xmp
from picstore_imaging.spec import OutputSpec

ICC: Final = "icc-profile-data"
EXIF: Final = "exif-data"
XMP: Final = "xmp-data"
_IPTC: Final = "iptc-data"
ORIENTATION: Final = "orientation"
_EXIF_FIELDS: Final = "exif-ifd"

XMP_MARK: Final = b"http://ns.adobe.com/xap/1.0/\0"
"""Before a packet in a JPEG."""

_KEEP: Final = {EXIF: 1, XMP: 2, _IPTC: 4, ICC: 8}
"""The flags of `VipsForeignKeep`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """As they were in the source; empty where it had none."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""

    @classmethod
    def of(cls, image: pyvips.Image) -> Blocks:
        """Read what a loader found."""

        def block(name: str) -> bytes:
            return bytes(image.get(name)) if image.get_typeof(name) else b""

        return cls(exif=block(EXIF), xmp=block(XMP), iptc=block(_IPTC))


NO_BLOCKS: Final = Blocks()


def describe(image: pyvips.Image, blocks: Blocks, spec: OutputSpec) -> pyvips.Image:
    """Return the image with what its spec keeps of the blocks, and nothing but its profile else."""
    image = image.copy()
    for name in image.get_fields():
        if name in (EXIF, XMP, _IPTC, ORIENTATION) or name.startswith(_EXIF_FIELDS):
            image.remove(name)
    kept_exif = exif.rewritten(blocks.exif, spec.metadata, keep_gps=spec.keep_gps)
    if kept_exif is not None:
        _carry_exif(image, kept_exif)
    kept_xmp = xmp.rewritten(blocks.xmp, spec.metadata, keep_gps=spec.keep_gps)
    kept_iptc = iptc.rewritten(blocks.iptc, spec.metadata)
    for name, kept in ((XMP, kept_xmp), (_IPTC, kept_iptc)):
        if kept is not None:
            image.set_type(pyvips.GValue.blob_type, name, kept)
    return image


def keep_flags(image: pyvips.Image) -> int:
    """Tell a saver to write what the image carries; it would make up an EXIF block by itself."""
    return sum(flag for name, flag in _KEEP.items() if image.get_typeof(name))


def _carry_exif(image: pyvips.Image, block: bytes) -> None:
    """Set a block, and the fields that libvips reads it into: it writes none without its field."""
    length = (len(block) + 2).to_bytes(2, "big")
    carrier = _CARRIER[:2] + b"\xff\xe1" + length + block + _CARRIER[2:]
    read = pyvips.Image.jpegload_buffer(carrier)
    for name in read.get_fields():
        if name == EXIF or name.startswith(_EXIF_FIELDS):
            image.set_type(read.get_typeof(name), name, read.get(name))


_CARRIER: Final = bytes.fromhex(
    # A grey JPEG of one pixel.
    "ffd8ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d1a1c1c20242e"
    "2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080001000101011100ffc40014"
    "000100000000000000000000000000000008ffc40014100100000000000000000000000000000000ffda0008"
    "010100003f003fbfffd9"
)
