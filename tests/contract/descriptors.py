"""The contract as data: every service, method and message of `libs/picstore`, with its comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from picstore.auth.v1 import (
    api_key_pb2,
    audit_pb2,
    authentication_pb2,
    bootstrap_pb2,
    invitation_pb2,
    role_pb2,
    session_pb2,
    team_pb2,
    user_pb2,
)
from picstore.catalog.v1 import bootstrap_pb2 as catalog_bootstrap_pb2
from picstore.catalog.v1 import (
    conversion_pb2,
    conversion_profile_pb2,
    explanation_pb2,
    image_pb2,
    image_service_pb2,
    ingest_pb2,
    overlay_pb2,
    overlay_template_pb2,
    picture_pb2,
    project_pb2,
    reference_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore.errors.v1 import error_reason_pb2
from picstore.events.v1 import event_pb2
from picstore.jobs.v1 import job_pb2
from picstore.options.v1 import options_pb2
from picstore.upload.v1 import import_pb2, upload_pb2

# Importing a generated module registers its descriptors, with our options, in the default pool.
REGISTERED = (
    api_key_pb2,
    audit_pb2,
    authentication_pb2,
    bootstrap_pb2,
    catalog_bootstrap_pb2,
    conversion_pb2,
    conversion_profile_pb2,
    explanation_pb2,
    error_reason_pb2,
    event_pb2,
    image_pb2,
    image_service_pb2,
    import_pb2,
    ingest_pb2,
    invitation_pb2,
    job_pb2,
    options_pb2,
    overlay_pb2,
    overlay_template_pb2,
    picture_pb2,
    project_pb2,
    reference_pb2,
    role_pb2,
    session_pb2,
    storage_location_pb2,
    team_pb2,
    upload_pb2,
    upload_profile_pb2,
    user_pb2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """Anything in a proto file that a comment can stand before."""

    file: str
    name: str
    comment: str


def files() -> list[FileDescriptorProto]:
    """Return our own proto files, with source information."""
    image = resources.files("picstore").joinpath("descriptors.binpb").read_bytes()
    everything = FileDescriptorSet.FromString(image).file
    return [file for file in everything if file.package.startswith("picstore.")]


def methods() -> list[MethodDescriptor]:
    """Return every RPC of every service."""
    pool = descriptor_pool.Default()
    return [
        method
        for file in files()
        for service in file.service
        for method in pool.FindServiceByName(f"{file.package}.{service.name}").methods
    ]


def messages() -> list[Descriptor]:
    """Return every message that is not nested in another."""
    pool = descriptor_pool.Default()
    return [
        pool.FindMessageTypeByName(f"{file.package}.{message.name}")
        for file in files()
        for message in file.message_type
    ]


def access_of(method: MethodDescriptor) -> options_pb2.Access | None:
    """Return who may call `method`, or None where it does not say."""
    options = method.GetOptions()
    return (
        options.Extensions[options_pb2.access] if options.HasExtension(options_pb2.access) else None
    )


def http_of(method: MethodDescriptor) -> http_pb2.HttpRule | None:
    """Return the HTTP route of `method`, or None where it has none."""
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return None
    return options.Extensions[annotations_pb2.http]


def elements() -> Iterator[Element]:
    """Yield every service, RPC, message, field, oneof, enum and enum value with its comment."""
    for file in files():
        comments = {
            tuple(location.path): location.leading_comments.strip()
            for location in file.source_code_info.location
        }
        for path, name in _walk_file(file):
            yield Element(file=file.name, name=name, comment=comments.get(path, ""))


def _walk_file(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, service in enumerate(file.service):
        yield (6, index), service.name
        for number, method in enumerate(service.method):
            yield (6, index, 2, number), f"{service.name}.{method.name}"
    for index, message in enumerate(file.message_type):
        yield from _walk_message((4, index), message.name, message)
    for index, enum in enumerate(file.enum_type):
        yield from _walk_enum((5, index), enum.name, enum)


def _walk_message(
    path: tuple[int, ...], name: str, message: DescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    if message.options.map_entry:
        return
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, 2, index), f"{name}.{field.name}"
    synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
    for index, oneof in enumerate(message.oneof_decl):
        if index not in synthetic:
            yield (*path, 8, index), f"{name}.{oneof.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _walk_message((*path, 3, index), f"{name}.{nested.name}", nested)
    for index, enum in enumerate(message.enum_type):
        yield from _walk_enum((*path, 4, index), f"{name}.{enum.name}", enum)


def _walk_enum(
    path: tuple[int, ...], name: str, enum: EnumDescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, 2, index), f"{name}.{value.name}"
