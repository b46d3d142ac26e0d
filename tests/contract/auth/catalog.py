"""A catalog that knows what a test tells it, served as the real one is."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from picstore.catalog.v1 import reference_pb2, reference_pb2_grpc
from picstore_kit.errors import Reason, Unavailable
from picstore_kit.ids import ProjectId, UploadProfileId, new_id
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.peers import meet_peers
from picstore_kit.rpc.call import Context
from picstore_kit.rpc.server import RPCServer
from picstore_kit.settings import RPCSettings, ServiceIdentitySettings
from tests.contract.auth.clients import SECRETS


class Catalog(reference_pb2_grpc.ReferenceServiceServicer):
    """Projects and upload profiles, whichever team asks for them."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder / 'catalog.sock'}"
        self.asked = 0
        self.is_away = False
        self._known: set[str] = set()

    def project(self) -> ProjectId:
        """Add a project."""
        project_id = new_id(ProjectId)
        self._known.add(project_id)
        return project_id

    def upload_profile(self) -> UploadProfileId:
        """Add an upload profile."""
        profile_id = new_id(UploadProfileId)
        self._known.add(profile_id)
        return profile_id

    def forget(self, object_id: str) -> None:
        """Delete a project or an upload profile."""
        self._known.remove(object_id)

    async def serve(self, lifecycle: Lifecycle, *, auth: str) -> None:
        """Answer who calls with a token that `auth` made for itself, and nobody else."""
        identity = ServiceIdentitySettings(name="catalog", secret=SecretStr(SECRETS["catalog"]))
        peers = await meet_peers(lifecycle, identity=identity, auth=auth)
        add = reference_pb2_grpc.add_ReferenceServiceServicer_to_server
        server = RPCServer(
            RPCSettings(listen=self.address),
            servicers=[(add, self, "picstore.catalog.v1.ReferenceService")],
            authenticator=peers.authenticator,
            verifier=peers.verifier,
        )
        await lifecycle.enter(server)
        lifecycle.on_warm(server.serving)

    async def FindMissing(
        self, request: reference_pb2.FindMissingRequest, context: Context
    ) -> reference_pb2.FindMissingResponse:
        """Name the ids that were not added."""
        self.asked += 1
        if self.is_away:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "the database does not answer")
        return reference_pb2.FindMissingResponse(
            missing_project_ids=[id_ for id_ in request.project_ids if id_ not in self._known],
            missing_upload_profile_ids=[
                id_ for id_ in request.upload_profile_ids if id_ not in self._known
            ],
        )
