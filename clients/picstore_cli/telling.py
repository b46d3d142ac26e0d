"""What happens to a picture, as lines for people."""

from __future__ import annotations

from typing import Final

from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import WatchImagesResponse
from picstore_cli.console import format_name, size, state_name

_NAMES: Final = {
    WatchImagesResponse.KIND_CURRENT: "now",
    WatchImagesResponse.KIND_COMMITTED: "uploaded",
    WatchImagesResponse.KIND_OUTPUT_READY: "output",
    WatchImagesResponse.KIND_READY: "ready",
    WatchImagesResponse.KIND_FAILED: "failed",
}
_WIDTH: Final = max(map(len, _NAMES.values()))


def line_of(event: WatchImagesResponse) -> str:
    """Return the line that tells of an event."""
    name = _NAMES.get(event.kind, "")
    return f"{name:<{_WIDTH}}  {_particulars(event)}".rstrip()


def _particulars(event: WatchImagesResponse) -> str:
    image, output = event.image, event.output
    match event.kind:
        case WatchImagesResponse.KIND_OUTPUT_READY:
            measures = f"{output.width}×{output.height}  {size(output.size_bytes)}"
            return f"{format_name(output.spec.format)}  {measures}  {output.url}"
        case WatchImagesResponse.KIND_FAILED:
            return f"{image.failure_message} ({image.failure_reason})"
        case WatchImagesResponse.KIND_COMMITTED:
            return f"{image.width}×{image.height}  {size(image.size_bytes)}"
        case _:
            return f"{image.filename}  {state_name(Image.State.Name(image.state))}"
