"""What an output may keep of an XMP packet: its properties, copied into a new one.

A packet that cannot be read, or that declares entities, is not kept. Pure.
"""

from __future__ import annotations

import codecs
from typing import Final
from xml.etree import ElementTree

from picstore_imaging.gps import property_is_about_a_place, xmp_tells_a_place
from picstore_imaging.rules import MetadataPolicy

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP: Final = "http://ns.adobe.com/xap/1.0/"
_RIGHTS: Final = "http://ns.adobe.com/xap/1.0/rights/"
_DC: Final = "http://purl.org/dc/elements/1.1/"
_PHOTOSHOP: Final = "http://ns.adobe.com/photoshop/1.0/"
_TIFF: Final = "http://ns.adobe.com/tiff/1.0/"
_PLUS: Final = "http://ns.useplus.org/ldf/xmp/1.0/"
_META: Final = "adobe:ns:meta/"
_DESCRIPTION: Final = f"{{{_RDF}}}Description"
_ROOT: Final = f"{{{_RDF}}}RDF"
_ABOUT: Final = f"{{{_RDF}}}about"

for _prefix, _namespace in (
    ("x", _META),
    ("rdf", _RDF),
    ("xmp", _XMP),
    ("xmpRights", _RIGHTS),
    ("dc", _DC),
    ("photoshop", _PHOTOSHOP),
    ("tiff", _TIFF),
    ("plus", _PLUS),
    ("exif", "http://ns.adobe.com/exif/1.0/"),
):
    ElementTree.register_namespace(_prefix, _namespace)

_OWNERS: Final = frozenset(
    {
        f"{{{_DC}}}rights",
        f"{{{_DC}}}creator",
        f"{{{_PHOTOSHOP}}}Credit",
        f"{{{_PHOTOSHOP}}}AuthorsPosition",
        f"{{{_TIFF}}}Artist",
        f"{{{_TIFF}}}Copyright",
    }
)
_OF_FILES: Final = (
    "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "{http://ns.google.com/photos/1.0/container/",
    "{http://ns.google.com/photos/1.0/camera/",
    "{http://ns.apple.com/HDRGainMap/",
    "{http://ns.apple.com/pixeldatainfo/",
)
"""Namespaces, or how they begin, that speak of other pictures in the file: gain maps, videos."""
_OWNING: Final = (f"{{{_RIGHTS}}}", f"{{{_PLUS}}}")
_NEVER: Final = frozenset(
    {
        f"{{{_TIFF}}}Orientation",
        f"{{{_TIFF}}}ImageWidth",
        f"{{{_TIFF}}}ImageLength",
        f"{{{_XMP}}}Thumbnails",
    }
)

MAX_BYTES: Final = 60_000
"""Of a new packet: a JPEG's segment ends at 64 KiB."""
_MAX_DEPTH: Final = 30
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a packet begins that is not in UTF-8; XMP has no other encodings in files of pictures."""


def rewritten(packet: bytes, policy: MetadataPolicy, *, keep_gps: bool) -> bytes | None:
    """Return a new packet of what the policy keeps; None for nothing."""
    if policy is MetadataPolicy.STRIP or len(packet) > 4 * MAX_BYTES:
        return None
    try:
        text = packet.decode("utf-16" if packet.startswith(_UTF_16) else "utf-8-sig")
        if "<!" in text:
            return None
        root = ElementTree.fromstring(text.strip("\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    # Who owns a picture is asked for without its place.
    keep_gps = keep_gps and policy is MetadataPolicy.KEEP_ALL
    kept = ElementTree.Element(_DESCRIPTION, {_ABOUT: ""})
    # A structure in a property is a description as well, and is copied with its property.
    rdf = root if root.tag == _ROOT else root.find(_ROOT)
    for description in () if rdf is None else rdf.findall(_DESCRIPTION):
        for name, value in description.attrib.items():
            if name != _ABOUT and _is_kept(name, policy, keep_gps=keep_gps):
                kept.set(name, value)
        for child in description:
            if _is_kept(child.tag, policy, keep_gps=keep_gps) and _clean(child, keep_gps=keep_gps):
                kept.append(child)
    if len(kept) == 0 and len(kept.attrib) == 1:
        return None
    meta = ElementTree.Element(f"{{{_META}}}xmpmeta")
    ElementTree.SubElement(meta, f"{{{_RDF}}}RDF").append(kept)
    written = ElementTree.tostring(meta, encoding="unicode").encode()
    if len(written) > MAX_BYTES or (not keep_gps and xmp_tells_a_place(written)):
        return None
    return written


def _is_kept(name: str, policy: MetadataPolicy, *, keep_gps: bool) -> bool:
    if policy is MetadataPolicy.KEEP_COPYRIGHT:
        return name in _OWNERS or name.startswith(_OWNING)
    return _may_stay(name, keep_gps=keep_gps)


def _may_stay(name: str, *, keep_gps: bool) -> bool:
    """Whether a name is none of those that go wherever they stand."""
    if name in _NEVER or name.startswith(_OF_FILES):
        return False
    return keep_gps or not property_is_about_a_place(name)


def _clean(element: ElementTree.Element, *, keep_gps: bool, depth: int = 0) -> bool:
    """Take out, at any depth, what is not to be kept; return whether it is shallow enough."""
    if depth > _MAX_DEPTH:
        return False
    for name in [name for name in element.attrib if not _may_stay(name, keep_gps=keep_gps)]:
        del element.attrib[name]
    for child in list(element):
        if not _may_stay(child.tag, keep_gps=keep_gps) or not _clean(
            child, keep_gps=keep_gps, depth=depth + 1
        ):
            element.remove(child)
    return True
