"""Transcoding of what no message of the contract has yet, by a contract made for the test."""

from __future__ import annotations

from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pool, field_mask_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from picstore_gateway.routes import Route, places_of, routes_of
from picstore_gateway.transcoding import request_from, to_json
from picstore_kit.errors import InvalidFields

_PACKAGE = "picstore.tests.transcoding"
_SCALARS = {
    "flag": FieldDescriptorProto.TYPE_BOOL,
    "big": FieldDescriptorProto.TYPE_INT64,
    "natural": FieldDescriptorProto.TYPE_UINT32,
    "ratio": FieldDescriptorProto.TYPE_DOUBLE,
    "text": FieldDescriptorProto.TYPE_STRING,
    "data": FieldDescriptorProto.TYPE_BYTES,
}


def _contract() -> FileDescriptorProto:
    file = FileDescriptorProto(
        name="picstore/tests/transcoding.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[
            timestamp_pb2.DESCRIPTOR.name,
            field_mask_pb2.DESCRIPTOR.name,
            annotations_pb2.DESCRIPTOR.name,
        ],
    )
    message = file.message_type.add(name="Thing")
    optional, repeated = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
    for number, (name, kind) in enumerate(_SCALARS.items(), 1):
        message.field.add(name=name, number=number, type=kind, label=optional)
    for name, number, type_name in (
        ("after", 10, ".google.protobuf.Timestamp"),
        ("mask", 11, ".google.protobuf.FieldMask"),
        ("inner", 12, f".{_PACKAGE}.Thing"),
    ):
        kind = FieldDescriptorProto.TYPE_MESSAGE
        message.field.add(name=name, number=number, type=kind, label=optional, type_name=type_name)
    enum = file.enum_type.add(name="Colour")
    for number, name in enumerate(("COLOUR_UNSPECIFIED", "COLOUR_RED", "COLOUR_BLUE")):
        enum.value.add(name=name, number=number)
    message.field.add(
        name="colours",
        number=13,
        type=FieldDescriptorProto.TYPE_ENUM,
        label=repeated,
        type_name=f".{_PACKAGE}.Colour",
    )
    method = file.service.add(name="Things").method.add(
        name="GetThing", input_type=f".{_PACKAGE}.Thing", output_type=f".{_PACKAGE}.Thing"
    )
    method.options.Extensions[annotations_pb2.http].get = "/things/{text}"
    return file


@pytest.fixture(scope="module")
def route() -> Route:
    descriptor_pool.Default().AddSerializedFile(_contract().SerializeToString())
    (route,) = routes_of([f"{_PACKAGE}.Things"])
    return route


def query(route: Route, *pairs: tuple[str, str]) -> Any:
    return request_from(route, path={}, query=pairs, body=b"")


def violation(route: Route, *pairs: tuple[str, str]) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        query(route, *pairs)
    return {v.field: v.description for v in caught.value.violations}


def test_what_is_in_the_path_or_not_simple_is_no_query_parameter(route: Route) -> None:
    names = [name for name, _ in route.query_fields()]
    assert names == ["flag", "big", "natural", "ratio", "data", "after", "mask", "colours"]


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("1", True), ("FALSE", False), ("0", False)]
)
def test_a_truth_is_read(route: Route, text: str, expected: bool) -> None:
    assert query(route, ("flag", text)).flag is expected


def test_numbers_of_64_bits_are_exact(route: Route) -> None:
    assert query(route, ("big", "-9223372036854775808")).big == -(2**63)


def test_a_time_is_read(route: Route) -> None:
    message = query(route, ("after", "2026-01-31T12:00:00.5+01:00"))
    assert message.after.ToJsonString() == "2026-01-31T11:00:00.500Z"


def test_names_of_a_mask_are_read_in_snake_case(route: Route) -> None:
    message = query(route, ("mask", "display_name,inner.max_bytes"))
    assert list(message.mask.paths) == ["display_name", "inner.max_bytes"]
    assert list(query(route, ("mask", "")).mask.paths) == []


def test_a_repeated_parameter_may_be_given_again(route: Route) -> None:
    message = query(route, ("colours", "COLOUR_RED"), ("colours", "COLOUR_BLUE"))
    assert list(message.colours) == [1, 2]


@pytest.mark.parametrize(
    ("name", "text", "description"),
    [
        ("flag", "yes", "must be true or false"),
        ("big", "9223372036854775808", "must be a whole number of 64 bits"),
        ("big", "1.0", "must be a whole number of 64 bits"),
        ("natural", "-1", "must be a whole number of 32 bits, 0 or more"),
        ("ratio", "wide", "must be a number"),
        ("after", "noon", "must be a time such as 2026-01-31T12:00:00Z"),
        ("mask", "a__b", "must be names of fields, separated by commas"),
        ("mask", "displayName", "must be names of fields, separated by commas"),
        ("mask", "a,*", "must be names of fields, separated by commas"),
        ("colours", "COLOUR_GREEN", "must be one of COLOUR_RED, COLOUR_BLUE"),
        ("colours", "1", "must be one of COLOUR_RED, COLOUR_BLUE"),
        ("inner", "{}", "is not a query parameter"),
        ("text", "in the path", "is not a query parameter"),
    ],
)
def test_what_cannot_be_meant_is_told(route: Route, name: str, text: str, description: str) -> None:
    assert violation(route, (name, text)) == {name: description}


def test_an_answer_writes_numbers_of_64_bits_and_times_as_text(route: Route) -> None:
    message = query(route, ("big", "5"), ("after", "2026-01-31T12:00:00Z"), ("flag", "1"))
    text = to_json(message)
    assert b'"big":"5"' in text
    assert b'"after":"2026-01-31T12:00:00Z"' in text
    assert b'"colours":[]' in text
    assert b'"mask"' not in text


def test_a_place_is_known_by_its_route(route: Route) -> None:
    assert places_of([route]) == {f"{_PACKAGE}.Thing": "/things"}
