"""Every RPC, for every kind of caller, on own, foreign and missing objects, by gRPC and HTTP.

What each caller has to be told is computed from the RPC's `(picstore.options.v1.access)` alone, so
an RPC that checks less, or something else, than it says fails here, and so does one without a row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from picstore.options.v1 import options_pb2
from picstore_kit.rpc.auth import permission_name
from tests.contract.descriptors import access_of, http_of, methods
from tests.e2e.matrix.callers import NOT_FOUND, OK, Answer, Bound, Caller, Target, expected
from tests.e2e.matrix.rows import ROWS, Row, requests_of
from tests.e2e.matrix.wire import GRPCWire, HTTPWire, Told, Wire
from tests.e2e.matrix.world import World, build_world, id_like
from tests.stack import LiveStack

PROCESS = {"auth": "auth", "catalog": "catalog", "jobs": "catalog", "upload": "upload"}
"""Which process serves a package of the contract."""

pytestmark = pytest.mark.timeout(300)
ON_ONE_LOOP = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    world: World
    wires: Mapping[str, Wire]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def surroundings(stack: LiveStack) -> AsyncIterator[Surroundings]:
    targets = stack.targets()
    async with AsyncExitStack() as opened:
        processes = {
            name: await opened.enter_async_context(grpc.aio.insecure_channel(targets[name]))
            for name in ("auth", "catalog", "upload")
        }
        channels = {
            method.containing_service.full_name: processes[PROCESS[method.full_name.split(".")[1]]]
            for method in methods()
        }
        http = await opened.enter_async_context(
            httpx.AsyncClient(base_url=stack.gateway, timeout=60)
        )
        world = await build_world(stack, _stubs(channels))
        yield Surroundings(world=world, wires={"grpc": GRPCWire(channels), "http": HTTPWire(http)})


def test_every_rpc_has_a_row() -> None:
    assert set(ROWS) == {method.full_name for method in methods()}


def calls() -> Iterator[Any]:
    for method in methods():
        if method.full_name not in ROWS:
            continue  # told by the test above
        yield pytest.param("grpc", method, id=f"grpc-{method.full_name}")
        if http_of(method) is not None:
            yield pytest.param("http", method, id=f"http-{method.full_name}")


@ON_ONE_LOOP
@pytest.mark.parametrize(("wire", "method"), list(calls()))
async def test_every_caller_is_told_what_the_contract_says(
    surroundings: Surroundings, wire: str, method: MethodDescriptor
) -> None:
    access, row = access_of(method), ROWS[method.full_name]
    assert access is not None
    trial = Trial(surroundings.world, surroundings.wires[wire], method, access, row)
    wrong = []
    for target in Target if row.bound is not Bound.NOTHING else (Target.OWN,):
        requests = await trial.requests(target)
        for caller in callers_of(surroundings.world, access, wire):
            answer = trial.expected(caller, target)
            if answer == OK:  # what succeeds may use its object up
                requests = await trial.requests(target)
            told = await trial.wire.call(method, requests, caller.metadata)
            if not agrees(told, answer, row):
                wrong.append(f"{caller.name}, {target.name.lower()}: {told} instead of {answer}")
    assert not wrong, "\n".join(wrong)


@ON_ONE_LOOP
async def test_a_foreign_object_looks_like_a_missing_one(surroundings: Surroundings) -> None:
    world = surroundings.world
    admin = next(caller for caller in world.callers if caller.name == "admin")
    tried = 0
    for method in methods():
        access, row = access_of(method), ROWS[method.full_name]
        if http_of(method) is None or row.bound is Bound.NOTHING:
            continue
        assert access is not None
        for name, wire in surroundings.wires.items():
            trial = Trial(world, wire, method, access, row)
            texts = []
            for target in (Target.FOREIGN, Target.MISSING):
                requests = await trial.requests(target)
                told = await wire.call(method, requests, admin.metadata)
                named = str(_at(requests[0], access.object))
                texts.append((told.reason, told.message.replace(named, "…"), sorted(told.metadata)))
            assert texts[0] == texts[1], (name, method.full_name)
            tried += 1
    assert tried > 50


class Trial:
    """One RPC over one wire."""

    def __init__(
        self,
        world: World,
        wire: Wire,
        method: MethodDescriptor,
        access: options_pb2.Access,
        row: Row,
    ) -> None:
        self.wire = wire
        self._world = world
        self._method = method
        self._access = access
        self._row = row

    async def requests(self, target: Target) -> list[Message]:
        team = self._world.theirs if target is Target.FOREIGN else self._world.ours
        requests = requests_of(await self._row.build(self._world, team))
        if target is Target.MISSING:
            _put(requests[0], self._access.object, id_like(_at(requests[0], self._access.object)))
        return requests

    def expected(self, caller: Caller, target: Target) -> Answer:
        answer = expected(self._access, caller, target, self._row.bound, self._world.ours.place)
        if (
            answer == OK
            and self._row.refers
            and caller.principal.team_id
            not in (
                self._world.ours.team_id,
                None,
            )
        ):
            return NOT_FOUND
        return answer


def callers_of(world: World, access: options_pb2.Access, wire: str) -> list[Caller]:
    """Return everybody who calls this method, those with the most rights last."""
    callers = list(world.callers)
    if access.permission:
        callers.insert(0, world.lacking[permission_name(access.permission)])
    if wire == "grpc":
        for service in access.services:
            callers += world.acting.get(service, ())
    return callers


def agrees(told: Told, answer: Answer, row: Row) -> bool:
    """Whether a caller was told what the contract says."""
    if answer == OK:
        return told.code in row.ends
    return (
        told.code == answer.code
        and told.reason == answer.reason
        and (answer.permission is None or told.metadata.get("permission") == answer.permission)
    )


def _stubs(channels: Mapping[str, grpc.aio.Channel]) -> dict[str, Any]:
    """Return a callable for every method by its name; the two bootstraps are told apart."""
    stubs: dict[str, Any] = {}
    for method in methods():
        service = method.containing_service.full_name
        kind = (
            channels[service].stream_unary
            if method.client_streaming
            else (channels[service].unary_unary)
        )
        name = method.name
        if name == "ApplyBootstrap":
            name = f"Apply{method.full_name.split('.')[1].capitalize()}Bootstrap"
        stubs[name] = kind(
            f"/{service}/{method.name}",
            request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
    return stubs


def _at(message: Message, path: str) -> Any:
    value: Any = message
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _put(message: Message, path: str, value: str) -> None:
    above, _, last = path.rpartition(".")
    setattr(_at(message, above) if above else message, last, value)
