"""Sessions."""

from __future__ import annotations

from picstore.auth.v1 import session_pb2
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_auth.model.session import Login, Session
from picstore_auth.model.text import MAX_PASSWORD, email_fault, short_name_fault
from picstore_kit.ids import SessionId
from picstore_kit.violations import all_at_once


def login_from(request: session_pb2.LoginRequest) -> Login:
    """Read a login.

    Raises:
        InvalidFields: Fields cannot be what they should be; nothing is told of who exists.
    """
    with all_at_once() as violations:
        if request.team:
            violations.add("team", short_name_fault(request.team))
        violations.add("email", email_fault(request.email))
        if len(request.password) > MAX_PASSWORD:
            violations.add("password", f"must be at most {MAX_PASSWORD} characters")
    return Login(team=request.team, email=request.email, password=request.password)


def session_message(session: Session, *, current: SessionId | None) -> session_pb2.Session:
    """Write a session; `current` is the caller's."""
    return session_pb2.Session(
        id=session.id,
        user_id=session.user_id,
        create_time=timestamp_message(session.created_at),
        last_use_time=timestamp_message(session.last_used_at),
        expire_time=timestamp_message(session.expires_at),
        client_address=session.client_address,
        user_agent=session.user_agent,
        current=session.id == current,
    )
