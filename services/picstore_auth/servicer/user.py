"""UserService."""

from __future__ import annotations

from google.protobuf import empty_pb2

from picstore.auth.v1 import user_pb2, user_pb2_grpc
from picstore_auth.mapping.user import new_user_from, user_message, user_update_from
from picstore_auth.model.text import email_fault
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.users import Users
from picstore_kit.ids import RoleId, UserId, parse_id
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class UserServicer(user_pb2_grpc.UserServiceServicer):
    """Serves `UserService`."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def CreateUser(
        self, request: user_pb2.CreateUserRequest, context: Context
    ) -> user_pb2.User:
        """Add a user."""
        new = new_user_from(request.user)
        return user_message(
            await self._users.create_user(calling(), new, request_id=request.request_id)
        )

    async def GetUser(self, request: user_pb2.GetUserRequest, context: Context) -> user_pb2.User:
        """Return a user."""
        user_id = parse_id(UserId, request.user_id, field="user_id")
        return user_message(await self._users.get_user(calling(), user_id))

    async def ListUsers(
        self, request: user_pb2.ListUsersRequest, context: Context
    ) -> user_pb2.ListUsersResponse:
        """List users."""
        with all_at_once() as violations:
            role_id = violations.id(RoleId, request.role_id, "role_id") if request.role_id else None
            if request.email:
                violations.add("email", email_fault(request.email))
        page = await self._users.list_users(
            calling(),
            email=request.email,
            role_id=role_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return user_pb2.ListUsersResponse(
            users=[user_message(user) for user in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateUser(
        self, request: user_pb2.UpdateUserRequest, context: Context
    ) -> user_pb2.User:
        """Change a user."""
        update = user_update_from(request)
        return user_message(await self._users.update_user(calling(), update))

    async def DeleteUser(
        self, request: user_pb2.DeleteUserRequest, context: Context
    ) -> empty_pb2.Empty:
        """Delete a user."""
        user_id = parse_id(UserId, request.user_id, field="user_id")
        await self._users.delete_user(calling(), user_id, etag=request.etag)
        return empty_pb2.Empty()
