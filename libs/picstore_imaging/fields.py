"""The names of what an image carries beside its pixels: some of them, files choose.

A text in a PNG is carried by its keyword, which is Latin-1, and pyvips reads names as UTF-8 alone.
"""

from __future__ import annotations

import pyvips
from pyvips import ffi, glib_lib, vips_lib


def without_unreadable(image: pyvips.Image) -> pyvips.Image:
    """Return the image without the fields that pyvips could not name; nothing here reads them."""
    unreadable = [name for name in _names(image) if not _is_readable(name)]
    if not unreadable:
        return image
    image = image.copy()  # what libvips has opened is not ours to change
    for name in unreadable:
        vips_lib.vips_image_remove(image.pointer, name)
    return image


def _names(image: pyvips.Image) -> list[bytes]:
    array = vips_lib.vips_image_get_fields(image.pointer)
    names: list[bytes] = []
    while array[len(names)] != ffi.NULL:
        names.append(ffi.string(array[len(names)]))
        glib_lib.g_free(array[len(names) - 1])
    glib_lib.g_free(array)
    return names


def _is_readable(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
