"""The comments of the contract, which are its documentation."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet


def comments() -> dict[str, str]:
    """Return the comment before every element of the contract, by full name."""
    image = resources.files("picstore").joinpath("descriptors.binpb").read_bytes()
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(image).file:
        texts = {
            tuple(location.path): _unindented(location.leading_comments)
            for location in file.source_code_info.location
        }
        for path, name in _elements(file):
            found[name] = texts.get(path, "")
    return found


def _unindented(comment: str) -> str:
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").splitlines()).strip()


def _elements(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, service in enumerate(file.service):
        for number, method in enumerate(service.method):
            yield (6, index, 2, number), f"{file.package}.{service.name}.{method.name}"
    for index, message in enumerate(file.message_type):
        yield from _message_elements((4, index), f"{file.package}.{message.name}", message)
    for index, enum in enumerate(file.enum_type):
        name = f"{file.package}.{enum.name}"
        yield (5, index), name
        for number, value in enumerate(enum.value):
            # Values are named beside their enum, not within it.
            yield (5, index, 2, number), f"{file.package}.{value.name}"


def _message_elements(
    path: tuple[int, ...], name: str, message: DescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, 2, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message_elements((*path, 3, index), f"{name}.{nested.name}", nested)
    for index, enum in enumerate(message.enum_type):
        yield (*path, 4, index), f"{name}.{enum.name}"
        for number, value in enumerate(enum.value):
            yield (*path, 4, index, 2, number), f"{name}.{value.name}"
