"""Applies a document: auth and the catalog, each in one transaction of its own.

The two services know each other's objects by id only, so a dry run of both comes first: it finds
the ids that exist and makes those that will.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from picstore.auth.v1.bootstrap_pb2 import BootstrapChange
from picstore.auth.v1.bootstrap_pb2_grpc import BootstrapServiceStub as AuthStub
from picstore.catalog.v1.bootstrap_pb2_grpc import BootstrapServiceStub as CatalogStub
from picstore_cli.bootstrap.document import Document
from picstore_cli.bootstrap.requests import auth_request, catalog_request
from picstore_cli.operating import operator_channels
from picstore_kit.settings import ServiceIdentitySettings, TargetsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a run did, or would do."""

    team_id: str
    project_ids: dict[str, str]
    """By short name."""
    changes: Sequence[BootstrapChange]


async def apply(
    document: Document,
    *,
    identity: ServiceIdentitySettings,
    targets: TargetsSettings,
    dry_run: bool,
) -> Applied:
    """Make the installation agree with the document; `identity` is the operator's.

    Raises:
        DocumentError: It names a permission that does not exist.
        PicstoreError: A service refused it, or does not answer. A service that refused has changed
            nothing; auth goes first, so it may have changed what the catalog then refused.
    """
    async with operator_channels(identity=identity, targets=targets) as channels:
        auth = AuthStub(channels.auth)
        catalog = CatalogStub(channels.catalog)
        team = Document(team=document.team)
        found = await auth.ApplyBootstrap(
            auth_request(team, team_id="", project_ids={}, upload_profile_ids={}, dry_run=True)
        )
        planned = await catalog.ApplyBootstrap(
            catalog_request(
                document,
                team_id=found.team_id,
                project_ids={},
                upload_profile_ids={},
                dry_run=True,
            )
        )
        project_ids = dict(planned.project_ids)
        upload_profile_ids = dict(planned.upload_profile_ids)
        people = await auth.ApplyBootstrap(
            auth_request(
                document,
                team_id=found.team_id,
                project_ids=project_ids,
                upload_profile_ids=upload_profile_ids,
                dry_run=dry_run,
            )
        )
        things = planned
        if not dry_run:
            things = await catalog.ApplyBootstrap(
                catalog_request(
                    document,
                    team_id=people.team_id,
                    project_ids=project_ids,
                    upload_profile_ids=upload_profile_ids,
                    dry_run=False,
                )
            )
        return Applied(
            team_id=people.team_id,
            project_ids=project_ids,
            changes=[*people.changes, *things.changes],
        )
