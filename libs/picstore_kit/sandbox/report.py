"""Which layers of the sandbox are active; none is ever missing in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Layer(StrEnum):
    """One thing that a compromised child runs into."""

    RLIMITS = "rlimits"
    """Memory, CPU, file size and open files are bounded."""
    NO_NEW_PRIVILEGES = "no_new_privileges"
    """No program can give it rights that it does not have."""
    NETWORK_NAMESPACE = "network_namespace"
    """There is no network interface."""
    CAPABILITIES = "capabilities"
    """It has none, even if it runs as root."""
    LANDLOCK = "landlock"
    """It reads only what Python and its libraries need and what it is given, and writes only in its
    room."""
    SECCOMP = "seccomp"
    """Calls to the kernel that no decoder needs fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """Whether a layer is active."""

    active: bool
    detail: str
    """Such as a version, or why it is not active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxReport:
    """What one child said of itself before it touched any input."""

    layers: Mapping[Layer, LayerState]

    def missing(self, required: Collection[Layer]) -> list[Layer]:
        """Return those of `required` that are not active."""
        return [layer for layer in Layer if layer in required and not self._active(layer)]

    def summary(self) -> dict[str, str]:
        """Return one line per layer, for logs and health pages."""
        return {
            layer: f"{'active' if state.active else 'INACTIVE'}: {state.detail}"
            for layer, state in self.layers.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Express it for the wire."""
        return {
            layer: {"active": state.active, "detail": state.detail}
            for layer, state in self.layers.items()
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read it from the wire.

        Raises:
            ValueError, KeyError, TypeError: It is no report.
        """
        return cls(
            layers={
                Layer(name): LayerState(
                    active=state["active"] is True, detail=str(state["detail"])[:200]
                )
                for name, state in told.items()
            }
        )

    def _active(self, layer: Layer) -> bool:
        state = self.layers.get(layer)
        return state is not None and state.active
