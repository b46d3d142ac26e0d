"""Secrets at rest: sealed with AES-256-GCM under a key that is named beside the ciphertext.

A sealed value is bound to the row that it belongs to: copied into another one it does not open. To
change keys, add one and make it current: old values still open, `is_stale` finds those to seal
again, and when none is left the old key can go.

Layout: version 1, length of the key id, key id, nonce (12 bytes), ciphertext and tag (16 bytes).
Nonces are random, which is sound for 2**32 values per key (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from picstore_kit.settings import SealingSettings

_VERSION: Final = 1
_NONCE_BYTES: Final = 12


class SealError(Exception):
    """A sealed value does not open: it was damaged or moved, or its key is not configured."""


class Sealer:
    """Seals with the current key, opens with any configured one."""

    def __init__(self, settings: SealingSettings) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in settings.key_bytes().items()}
        self._current = settings.current

    def seal(self, secret: bytes, *, bound_to: str) -> bytes:
        """Encrypt `secret` for the one place that `bound_to` names, such as `location:loc_…`."""
        header = _header(self._current)
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._keys[self._current].encrypt(nonce, secret, header + bound_to.encode())
        return header + nonce + cipher

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Decrypt what `seal` made for the same place.

        Raises:
            SealError: It is not such a value, or its key is not configured any more.
        """
        key_id = key_id_of(sealed)
        key = self._keys.get(key_id)
        if key is None:
            raise SealError(f"the sealing key {key_id!r} is not configured")
        header = _header(key_id)
        nonce = sealed[len(header) : len(header) + _NONCE_BYTES]
        cipher = sealed[len(header) + _NONCE_BYTES :]
        try:
            return key.decrypt(nonce, cipher, header + bound_to.encode())
        except (InvalidTag, ValueError):
            raise SealError("the sealed value was damaged, or belongs to another place") from None

    def is_stale(self, sealed: bytes) -> bool:
        """Whether the value should be opened and sealed again under the current key."""
        return key_id_of(sealed) != self._current


def key_id_of(sealed: bytes) -> str:
    """Return the id of the key that `sealed` needs, which is no secret.

    Raises:
        SealError: It is not a sealed value.
    """
    if len(sealed) < 2 or sealed[0] != _VERSION or len(sealed) < 2 + sealed[1]:
        raise SealError("not a sealed value")
    try:
        return sealed[2 : 2 + sealed[1]].decode()
    except UnicodeDecodeError:
        raise SealError("not a sealed value") from None


def _header(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes([_VERSION, len(name)]) + name
