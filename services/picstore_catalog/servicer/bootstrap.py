"""BootstrapService."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from picstore.catalog.v1 import bootstrap_pb2, bootstrap_pb2_grpc
from picstore_catalog.mapping.bootstrap import document, outcome_message
from picstore_catalog.model.permission import Permission
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.bootstrap import apply_bootstrap
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_kit.ids import TeamId, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.rpc.call import Context

OPERATOR: Final = "operator"
"""The service in whose name the operator's command line calls."""


class BootstrapServicer(bootstrap_pb2_grpc.BootstrapServiceServicer):
    """Sets up a team's projects for the operator."""

    def __init__(
        self,
        work: UnitOfWork,
        secrets: LocationSecrets,
        *,
        local_roots: tuple[PurePosixPath, ...],
    ) -> None:
        self._work = work
        self._secrets = secrets
        self._local_roots = local_roots

    async def ApplyBootstrap(
        self, request: bootstrap_pb2.ApplyBootstrapRequest, context: Context
    ) -> bootstrap_pb2.ApplyBootstrapResponse:
        """See the contract."""
        team_id = parse_id(TeamId, request.team_id, field="team_id")
        wanted = document(request, local_roots=self._local_roots)
        access = Access.unlimited(team_id, Permission.PROJECT_WRITE, caller=OPERATOR)
        begin = self._work.begin_trial if request.dry_run else self._work.begin
        async with begin(team_id) as transaction:
            outcome = await apply_bootstrap(transaction, access, wanted, self._secrets)
        return outcome_message(outcome)
