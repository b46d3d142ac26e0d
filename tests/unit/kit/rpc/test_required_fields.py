"""Required fields of the contract."""

from __future__ import annotations

import pytest

from picstore.auth.v1 import authentication_pb2
from picstore_kit.errors import InvalidField, InvalidFields
from picstore_kit.rpc.interceptors.required_fields import check_required_fields


def test_message_with_all_it_needs_passes() -> None:
    check_required_fields(authentication_pb2.IssueServiceTokenRequest(name="a", secret="b"))
    check_required_fields(authentication_pb2.GetPrincipalRequest())


def test_all_missing_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidFields) as caught:
        check_required_fields(authentication_pb2.IssueServiceTokenRequest())
    assert [violation.field for violation in caught.value.violations] == ["name", "secret"]


def test_empty_is_missing() -> None:
    with pytest.raises(InvalidFields) as caught:
        check_required_fields(authentication_pb2.AuthenticateRequest(credential=""))
    assert caught.value.metadata == {"fields": "credential"}
    assert caught.value.message == "credential is required"
    assert not isinstance(caught.value, InvalidField)
