"""SessionService."""

from __future__ import annotations

from google.protobuf import empty_pb2

from picstore.auth.v1 import session_pb2, session_pb2_grpc
from picstore_auth.mapping.session import login_from, session_message
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.logins import Logins
from picstore_auth.usecases.sessions import Sessions
from picstore_kit.ids import SessionId, UserId, parse_id
from picstore_kit.rpc.call import Context


class SessionServicer(session_pb2_grpc.SessionServiceServicer):
    """Serves `SessionService`."""

    def __init__(self, sessions: Sessions, logins: Logins) -> None:
        self._sessions = sessions
        self._logins = logins

    async def Login(
        self, request: session_pb2.LoginRequest, context: Context
    ) -> session_pb2.LoginResponse:
        """Begin a session."""
        begun = await self._logins.log_in(login_from(request))
        return session_pb2.LoginResponse(
            session=session_message(begun.session, current=begun.session.id),
            credential=begun.credential,
        )

    async def Logout(self, request: session_pb2.LogoutRequest, context: Context) -> empty_pb2.Empty:
        """End the caller's session."""
        await self._sessions.log_out(calling())
        return empty_pb2.Empty()

    async def ListSessions(
        self, request: session_pb2.ListSessionsRequest, context: Context
    ) -> session_pb2.ListSessionsResponse:
        """List the caller's sessions."""
        caller = calling()
        page = await self._sessions.list_sessions(
            caller, page_size=request.page_size, page_token=request.page_token
        )
        return session_pb2.ListSessionsResponse(
            sessions=[session_message(one, current=caller.session_id) for one in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RevokeSession(
        self, request: session_pb2.RevokeSessionRequest, context: Context
    ) -> empty_pb2.Empty:
        """End a session of the caller's."""
        session_id = parse_id(SessionId, request.session_id, field="session_id")
        await self._sessions.revoke_session(calling(), session_id)
        return empty_pb2.Empty()

    async def ListUserSessions(
        self, request: session_pb2.ListUserSessionsRequest, context: Context
    ) -> session_pb2.ListUserSessionsResponse:
        """List a user's sessions."""
        caller = calling()
        page = await self._sessions.list_user_sessions(
            caller,
            parse_id(UserId, request.user_id, field="user_id"),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return session_pb2.ListUserSessionsResponse(
            sessions=[session_message(one, current=caller.session_id) for one in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RevokeUserSessions(
        self, request: session_pb2.RevokeUserSessionsRequest, context: Context
    ) -> session_pb2.RevokeUserSessionsResponse:
        """End all sessions of a user."""
        user_id = parse_id(UserId, request.user_id, field="user_id")
        revoked = await self._sessions.revoke_user_sessions(calling(), user_id)
        return session_pb2.RevokeUserSessionsResponse(revoked=revoked)

    async def ChangePassword(
        self, request: session_pb2.ChangePasswordRequest, context: Context
    ) -> empty_pb2.Empty:
        """Change the caller's password."""
        await self._logins.change_password(
            calling(), current=request.current_password, new=request.new_password
        )
        return empty_pb2.Empty()
