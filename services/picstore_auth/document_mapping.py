"""Between the contract's bootstrap messages and the operator's document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from picstore.auth.v1 import bootstrap_pb2
from picstore_auth.document import Document, KeyEntry, Outcome, TeamEntry, UserEntry
from picstore_auth.mapping.grant import permission_from
from picstore_auth.mapping.timestamp import optional_time_from
from picstore_auth.model.grant import Grant, Grants, grant_fault, grants_fault, normalised
from picstore_auth.model.role import NewRole
from picstore_auth.model.text import display_name_fault, email_fault, short_name_fault
from picstore_auth.model.user import roles_fault
from picstore_kit.credentials import APIKey, MalformedCredential, parse_api_key
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId
from picstore_kit.rpc.changes import change_to_proto
from picstore_kit.violations import Violations, all_at_once


def document_from(request: bootstrap_pb2.ApplyBootstrapRequest) -> Document:
    """Read a document, with names of projects and profiles turned into ids.

    Raises:
        InvalidFields: Fields are wrong, or something is in the document twice.
    """
    with all_at_once() as violations:
        reader = _Reader(request, violations)
        document = Document(
            team=reader.team(),
            roles=tuple(reader.roles()),
            users=tuple(reader.users()),
            keys=tuple(reader.keys()),
            project_names={id_: name for name, id_ in reader.project_ids.items()},
            upload_profile_names={id_: name for name, id_ in reader.profile_ids.items()},
        )
    return document


def outcome_message(outcome: Outcome) -> bootstrap_pb2.ApplyBootstrapResponse:
    """Write what applying a document did."""
    return bootstrap_pb2.ApplyBootstrapResponse(
        team_id=outcome.team_id, changes=[change_to_proto(change) for change in outcome.changes]
    )


class _Reader:
    def __init__(
        self, request: bootstrap_pb2.ApplyBootstrapRequest, violations: Violations
    ) -> None:
        self._request = request
        self._violations = violations
        self.project_ids: Mapping[str, ProjectId] = {
            name: violations.id(ProjectId, id_, f"project_ids[{name}]")
            for name, id_ in request.project_ids.items()
        }
        self.profile_ids: Mapping[str, UploadProfileId] = {
            name: violations.id(UploadProfileId, id_, f"upload_profile_ids[{name}]")
            for name, id_ in request.upload_profile_ids.items()
        }

    def team(self) -> TeamEntry:
        team = self._request.team
        self._violations.add("team.short_name", short_name_fault(team.short_name))
        self._violations.add("team.display_name", display_name_fault(team.display_name))
        return TeamEntry(
            id=self._violations.optional_id(TeamId, team.id, "team.id"),
            short_name=team.short_name,
            display_name=team.display_name,
        )

    def roles(self) -> Iterable[NewRole]:
        seen: set[str] = set()
        for index, role in enumerate(self._request.roles):
            path = f"roles[{index}]"
            self._violations.add(f"{path}.short_name", short_name_fault(role.short_name))
            self._violations.add(f"{path}.display_name", display_name_fault(role.display_name))
            self._refuse_repeated(role.short_name, seen, f"{path}.short_name")
            yield NewRole(
                short_name=role.short_name,
                display_name=role.display_name,
                grants=self._grants(role.grants, path),
            )

    def users(self) -> Iterable[UserEntry]:
        seen: set[str] = set()
        for index, user in enumerate(self._request.users):
            path = f"users[{index}]"
            self._violations.add(f"{path}.email", email_fault(user.email))
            self._violations.add(f"{path}.display_name", display_name_fault(user.display_name))
            self._violations.add(f"{path}.roles", roles_fault(user.roles))
            self._refuse_repeated(user.email.lower(), seen, f"{path}.email")
            yield UserEntry(
                email=user.email, display_name=user.display_name, roles=tuple(user.roles)
            )

    def keys(self) -> Iterable[KeyEntry]:
        seen: set[str] = set()
        for index, key in enumerate(self._request.api_keys):
            path = f"api_keys[{index}]"
            self._violations.add(f"{path}.user", email_fault(key.user))
            self._violations.add(f"{path}.display_name", display_name_fault(key.display_name))
            expires_at = optional_time_from(
                key, "expire_time", f"{path}.expire_time", self._violations
            )
            grants = self._grants(key.grants, path)
            profile_id = self._upload_profile_id(key.default_upload_profile, path)
            api_key = self._api_key(key.credential, f"{path}.credential")
            if api_key is None:
                continue
            self._refuse_repeated(api_key.key_id, seen, f"{path}.credential")
            yield KeyEntry(
                api_key=api_key,
                user=key.user,
                display_name=key.display_name,
                grants=grants,
                default_upload_profile_id=profile_id,
                expires_at=expires_at,
            )

    def _grants(self, messages: Collection[bootstrap_pb2.BootstrapGrant], path: str) -> Grants:
        self._violations.add(f"{path}.grants", grants_fault(messages))
        grants = []
        for index, message in enumerate(messages):
            place = f"{path}.grants[{index}]"
            permission = permission_from(
                message.permission, f"{place}.permission", self._violations
            )
            project_id = self.project_ids.get(message.project)
            if message.project and project_id is None:
                self._violations.add(f"{place}.project", "names no project of project_ids")
            if permission is not None:
                grant = Grant(permission=permission, project_id=project_id)
                self._violations.add(f"{place}.project", grant_fault(grant))
                grants.append(grant)
        return normalised(grants)

    def _upload_profile_id(self, name: str, path: str) -> UploadProfileId | None:
        profile_id = self.profile_ids.get(name)
        if name and profile_id is None:
            self._violations.add(
                f"{path}.default_upload_profile", "names no profile of upload_profile_ids"
            )
        return profile_id

    def _api_key(self, credential: str, path: str) -> APIKey | None:
        try:
            return parse_api_key(credential)
        except MalformedCredential:
            self._violations.add(path, "must be an API key; its form or its checksum is wrong")
            return None

    def _refuse_repeated(self, name: str, seen: set[str], path: str) -> None:
        if name in seen:
            self._violations.add(path, "is in the document twice")
        seen.add(name)
