"""Methods of the contract as typed values: what `PicStoreClient.call` and `.pages` take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
ItemT = TypeVar("ItemT", bound=Message)

_REPEATABLE = frozenset({MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Generic[RequestT, ResponseT]):
    """An RPC that the gateway offers over HTTP."""

    name: str
    """Such as `picstore.catalog.v1.ProjectService.GetProject`."""
    request: type[RequestT]
    """The class of its requests."""
    response: type[ResponseT]
    """The class of its responses."""

    @property
    def descriptor(self) -> MethodDescriptor:
        """What the contract says of it.

        Raises:
            KeyError: The contract has no such method.
        """
        service, _, name = self.name.rpartition(".")
        return descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]

    @property
    def takes_request_id(self) -> bool:
        """Whether a second call with the same `request_id` gets the answer of the first."""
        return "request_id" in self.request.DESCRIPTOR.fields_by_name

    @property
    def repeatable(self) -> bool:
        """Whether calling it once more than needed does no harm, and gets the same answer.

        It does not where the answer has a secret, which is shown once and never again.
        """
        if self.descriptor.GetOptions().idempotency_level in _REPEATABLE:
            return True
        secret = any(f.GetOptions().debug_redact for f in self.response.DESCRIPTOR.fields)
        return self.takes_request_id and not secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMethod(Method[RequestT, ResponseT], Generic[RequestT, ResponseT, ItemT]):
    """An RPC that answers page by page."""

    items: Callable[[ResponseT], Iterable[ItemT]]
    """Returns what is on a page."""
