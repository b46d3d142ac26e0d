"""What holds for every RPC and message of the contract, whoever adds the next one."""

from __future__ import annotations

import re

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from picstore.errors.v1 import error_reason_pb2
from picstore.options.v1 import options_pb2, permission_pb2
from picstore_kit.errors import Reason
from tests.contract.descriptors import access_of, elements, files, http_of, messages, methods

CALLERS = {options_pb2.AUDIENCE_CALLER, options_pb2.AUDIENCE_PERMISSION}


def ids(method: MethodDescriptor) -> str:
    return str(method.full_name)


def field_at(message: Descriptor, path: str) -> FieldDescriptor | None:
    first, _, rest = path.partition(".")
    field = message.fields_by_name.get(first)
    if field is None or not rest:
        return field
    return field_at(field.message_type, rest) if field.message_type else None


def test_the_walk_finds_the_contract() -> None:
    assert len(files()) > 10
    assert len(methods()) > 30


@pytest.mark.parametrize("method", methods(), ids=ids)
def test_every_rpc_says_who_may_call_it(method: MethodDescriptor) -> None:
    access = access_of(method)
    assert access is not None
    assert access.audience != options_pb2.AUDIENCE_UNSPECIFIED
    if access.audience == options_pb2.AUDIENCE_PERMISSION:
        assert access.permission != permission_pb2.PERMISSION_UNSPECIFIED
    if access.audience in (options_pb2.AUDIENCE_PUBLIC, options_pb2.AUDIENCE_CALLER):
        assert access.permission == permission_pb2.PERMISSION_UNSPECIFIED
    assert bool(access.services) == (access.audience == options_pb2.AUDIENCE_SERVICE)


@pytest.mark.parametrize("method", methods(), ids=ids)
def test_the_object_of_a_permission_is_a_field_of_the_request(method: MethodDescriptor) -> None:
    access = access_of(method)
    assert access is not None
    if access.object:
        field = field_at(method.input_type, access.object)
        assert field is not None
        assert field.type == FieldDescriptor.TYPE_STRING


@pytest.mark.parametrize("method", methods(), ids=ids)
def test_every_rpc_for_callers_has_an_http_route_and_no_other_has(
    method: MethodDescriptor,
) -> None:
    access, rule = access_of(method), http_of(method)
    assert access is not None
    if access.audience != options_pb2.AUDIENCE_PUBLIC:  # of these only what people call has one
        assert (rule is not None) == (access.audience in CALLERS)
    if rule is not None:
        path = getattr(rule, rule.WhichOneof("pattern"))
        assert path.startswith("/api/v1/")
        for variable in re.findall(r"{([^}]+)}", path):
            assert field_at(method.input_type, variable) is not None


def test_no_two_rpcs_have_the_same_http_route() -> None:
    rules = [rule for rule in map(http_of, methods()) if rule is not None]
    routes = [
        (
            rule.WhichOneof("pattern"),
            re.sub(r"{[^}]+}", "{}", getattr(rule, rule.WhichOneof("pattern"))),
        )
        for rule in rules
    ]
    assert len(routes) == len(set(routes))


@pytest.mark.parametrize("method", [m for m in methods() if m.name.startswith("List")], ids=ids)
def test_every_list_pages(method: MethodDescriptor) -> None:
    request, response = method.input_type, method.output_type
    assert request.fields_by_name["page_size"].type == FieldDescriptor.TYPE_INT32
    assert request.fields_by_name["page_token"].type == FieldDescriptor.TYPE_STRING
    assert response.fields_by_name["next_page_token"].type == FieldDescriptor.TYPE_STRING
    assert sum(field.is_repeated for field in response.fields) == 1


@pytest.mark.parametrize("method", [m for m in methods() if m.name.startswith("Update")], ids=ids)
def test_every_update_has_a_mask_and_an_etag(method: MethodDescriptor) -> None:
    mask = method.input_type.fields_by_name["update_mask"]
    assert mask.message_type is not None
    assert mask.message_type.full_name == "google.protobuf.FieldMask"
    assert "etag" in method.output_type.fields_by_name


@pytest.mark.parametrize("method", [m for m in methods() if m.name.startswith("Create")], ids=ids)
def test_every_create_can_be_repeated_safely(method: MethodDescriptor) -> None:
    assert method.input_type.fields_by_name["request_id"].type == FieldDescriptor.TYPE_STRING


def test_everything_has_a_comment() -> None:
    bare = [f"{element.file}: {element.name}" for element in elements() if not element.comment]
    assert bare == []


def test_secrets_are_marked_so_that_no_log_shows_them() -> None:
    secret = re.compile(r"secret|credential$|password$|^token$")
    bare = [
        field.full_name
        for message in messages()
        for field in message.fields
        if field.type == FieldDescriptor.TYPE_STRING
        and secret.search(field.name)
        and not field.GetOptions().debug_redact
    ]
    assert bare == []


def test_reasons_are_the_same_in_code_and_contract() -> None:
    contract = [
        name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()[1:]
    ]
    assert contract == [reason.value for reason in Reason]
    assert max(map(len, contract)) <= 63  # google.rpc.ErrorInfo


def test_every_reason_shows_an_example() -> None:
    values = [e for e in elements() if e.name.startswith("ErrorReason.ERROR_REASON_")][1:]
    assert values
    for value in values:
        reason = value.name.removeprefix("ErrorReason.ERROR_REASON_")
        assert f'"reason": "{reason}", "domain": "picstore"' in value.comment
