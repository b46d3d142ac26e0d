"""Required fields of the contract."""

from __future__ import annotations

import pytest

from picstore.auth.v1 import authentication_pb2, user_pb2
from picstore.catalog.v1 import conversion_pb2, conversion_profile_pb2, storage_location_pb2
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


def test_an_update_needs_only_what_it_changes() -> None:
    check_required_fields(user_pb2.UpdateUserRequest(user=user_pb2.User(id="usr_1", disabled=True)))


def test_an_update_needs_only_what_it_changes_of_a_message_within_its_resource() -> None:
    location = storage_location_pb2.StorageLocation(id="loc_1")
    location.s3.region = "eu-central-1"
    check_required_fields(
        storage_location_pb2.UpdateStorageLocationRequest(storage_location=location)
    )


def test_an_update_needs_all_of_what_it_puts_in() -> None:
    profile = conversion_profile_pb2.ConversionProfile(
        id="cpr_1", formats=[conversion_pb2.FormatRule()]
    )
    with pytest.raises(InvalidFields) as caught:
        check_required_fields(
            conversion_profile_pb2.UpdateConversionProfileRequest(conversion_profile=profile)
        )
    assert caught.value.metadata == {"fields": "conversion_profile.formats[0].format"}


def test_an_update_needs_a_resource() -> None:
    with pytest.raises(InvalidFields) as caught:
        check_required_fields(user_pb2.UpdateUserRequest())
    assert caught.value.metadata == {"fields": "user"}
