"""RoleService."""

from __future__ import annotations

from google.protobuf import empty_pb2

from picstore.auth.v1 import role_pb2, role_pb2_grpc
from picstore_auth.mapping.role import new_role_from, role_message, role_update_from
from picstore_auth.model.text import short_name_fault
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.roles import Roles
from picstore_kit.ids import RoleId, parse_id
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class RoleServicer(role_pb2_grpc.RoleServiceServicer):
    """Serves `RoleService`."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    async def CreateRole(
        self, request: role_pb2.CreateRoleRequest, context: Context
    ) -> role_pb2.Role:
        """Add a role."""
        new = new_role_from(request.role)
        return role_message(
            await self._roles.create_role(calling(), new, request_id=request.request_id)
        )

    async def GetRole(self, request: role_pb2.GetRoleRequest, context: Context) -> role_pb2.Role:
        """Return a role."""
        role_id = parse_id(RoleId, request.role_id, field="role_id")
        return role_message(await self._roles.get_role(calling(), role_id))

    async def ListRoles(
        self, request: role_pb2.ListRolesRequest, context: Context
    ) -> role_pb2.ListRolesResponse:
        """List roles."""
        with all_at_once() as violations:
            if request.short_name:
                violations.add("short_name", short_name_fault(request.short_name))
        page = await self._roles.list_roles(
            calling(),
            short_name=request.short_name,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return role_pb2.ListRolesResponse(
            roles=[role_message(role) for role in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateRole(
        self, request: role_pb2.UpdateRoleRequest, context: Context
    ) -> role_pb2.Role:
        """Change a role."""
        update = role_update_from(request)
        return role_message(await self._roles.update_role(calling(), update))

    async def DeleteRole(
        self, request: role_pb2.DeleteRoleRequest, context: Context
    ) -> empty_pb2.Empty:
        """Delete a role."""
        role_id = parse_id(RoleId, request.role_id, field="role_id")
        await self._roles.delete_role(calling(), role_id, etag=request.etag)
        return empty_pb2.Empty()
