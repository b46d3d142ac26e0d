"""BootstrapService."""

from __future__ import annotations

from picstore.auth.v1 import bootstrap_pb2, bootstrap_pb2_grpc
from picstore_auth.document_mapping import document_from, outcome_message
from picstore_auth.usecases.bootstrap import Bootstrap
from picstore_kit.rpc.call import Context


class BootstrapServicer(bootstrap_pb2_grpc.BootstrapServiceServicer):
    """Serves auth's `BootstrapService`."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self._bootstrap = bootstrap

    async def ApplyBootstrap(
        self, request: bootstrap_pb2.ApplyBootstrapRequest, context: Context
    ) -> bootstrap_pb2.ApplyBootstrapResponse:
        """Make a team agree with a document."""
        outcome = await self._bootstrap.apply_bootstrap(
            document_from(request), dry_run=request.dry_run
        )
        return outcome_message(outcome)
