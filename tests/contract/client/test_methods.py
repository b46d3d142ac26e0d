"""Every method that the gateway offers is callable by the SDK, and arrives as it was called."""

from __future__ import annotations

import pytest
from google.api import annotations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.auth.v1.api_key_pb2 import (
    RotateApiKeyRequest,
    RotateApiKeyResponse,
)
from picstore.catalog.v1.conversion_pb2 import FORMAT_AVIF
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import ListImagesRequest, ListImagesResponse
from picstore.catalog.v1.project_pb2 import (
    CreateProjectRequest,
    DeleteProjectRequest,
    Project,
    UpdateProjectRequest,
)
from picstore_client import PicStoreClient, methods
from picstore_client.method import ListMethod, Method
from picstore_kit.errors import InvalidField
from tests.contract.descriptors import methods as contract_methods
from tests.contract.gateway.backend import Backend

OFFERED = {
    name: value
    for name, value in vars(methods).items()
    if isinstance(value, Method) and name.isupper()
}


def test_every_method_over_http_is_there_under_its_name() -> None:
    expected = {
        method.full_name
        for method in contract_methods()
        if method.GetOptions().HasExtension(annotations_pb2.http)
        and not method.client_streaming
        and not method.server_streaming
    }
    assert {method.name for method in OFFERED.values()} == expected


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_a_method_has_the_types_of_the_contract(name: str) -> None:
    method = OFFERED[name]
    descriptor = method.descriptor
    assert name.replace("_", "").lower() == descriptor.name.lower()
    assert method.request.DESCRIPTOR is descriptor.input_type
    assert method.response.DESCRIPTOR is descriptor.output_type
    paged = "next_page_token" in descriptor.output_type.fields_by_name
    assert isinstance(method, ListMethod) is paged
    if isinstance(method, ListMethod):
        assert list(method.items(method.response())) == []


async def test_an_answer_without_a_body_is_the_empty_message(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.answer("DeleteProject", Empty())
    request = DeleteProjectRequest(project_id="prj_1", etag="7")

    assert await client.call(methods.DELETE_PROJECT, request) == Empty()

    assert backend.calls["DeleteProject"].request == request


async def test_a_query_arrives_whole(client: PicStoreClient, backend: Backend) -> None:
    backend.answer("ListImages", ListImagesResponse(images=[Image(id="img_1")]))
    request = ListImagesRequest(
        project_id="prj_1",
        state=Image.STATE_READY,
        format=FORMAT_AVIF,
        start_time=Timestamp(seconds=1_700_000_000),
        tags=["a b", "ü&c"],
        order_by="filename desc",
    )
    assert [i.id async for i in client.pages(methods.LIST_IMAGES, request, limit=3)] == ["img_1"]
    request.page_size = 3
    assert backend.calls["ListImages"].request == request


async def test_a_change_arrives_with_its_mask_and_a_creation_with_a_request_id(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.answer("UpdateProject", Project(id="prj_1"))
    update = UpdateProjectRequest(
        project=Project(id="prj_1", display_name="A", etag="x"),
        update_mask=FieldMask(paths=["display_name", "max_bytes"]),
    )
    await client.call(methods.UPDATE_PROJECT, update)
    assert backend.calls["UpdateProject"].request == update

    backend.answer("CreateProject", Project(id="prj_1"))
    create = CreateProjectRequest(project=Project(short_name="a"))
    await client.call(methods.CREATE_PROJECT, create)
    arrived = backend.calls["CreateProject"].request
    assert isinstance(arrived, CreateProjectRequest)
    assert len(arrived.request_id) == 36
    assert create.request_id == ""


async def test_a_body_may_be_the_whole_request(client: PicStoreClient, backend: Backend) -> None:
    backend.answer("RotateApiKey", RotateApiKeyResponse(credential="ps_x"))
    request = RotateApiKeyRequest(api_key_id="key_1", overlap=Duration(seconds=86400))
    assert (await client.call(methods.ROTATE_API_KEY, request)).credential == "ps_x"
    assert backend.calls["RotateApiKey"].request == request


def test_only_what_does_no_harm_and_shows_no_secret_is_repeated() -> None:
    repeated = {name for name, method in OFFERED.items() if method.repeatable}
    assert {"LOOKUP_IMAGES", "CREATE_PROJECT", "CREATE_USER"} <= repeated
    assert not {name for name in repeated if name.startswith(("UPDATE", "DELETE", "REVOKE"))}
    # A second answer to these would be without the secret, which nobody would then ever have seen.
    assert not {"CREATE_API_KEY", "CREATE_INVITATION", "ROTATE_API_KEY", "LOGIN"} & repeated


async def test_an_empty_part_of_a_path_is_refused_before_it_is_sent(
    client: PicStoreClient,
) -> None:
    with pytest.raises(InvalidField, match=r"project\.id must be set"):
        await client.call(methods.UPDATE_PROJECT, UpdateProjectRequest())
