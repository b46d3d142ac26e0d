"""The permissions that the catalog asks for are ones that can be granted."""

from __future__ import annotations

import pytest

from picstore.options.v1.permission_pb2 import Permission as PermissionMessage
from picstore_catalog.model.permission import Permission
from picstore_kit.rpc.auth import permission_number


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_one_of_the_contract(permission: Permission) -> None:
    assert permission_number(permission) in PermissionMessage.values()
