"""Who fails too often is refused, and nobody else is."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.message import Message

from picstore.auth.v1 import authentication_pb2
from picstore_kit.credentials import new_api_key, new_invitation_token
from picstore_kit.errors import PicstoreError, Reason, ResourceExhausted, Unauthenticated
from picstore_kit.ids import InvitationId, KeyId, new_id
from tests.contract.auth.calls import create_user, refusal
from tests.contract.auth.clients import Client, Team
from tests.contract.auth.people import (
    ELSEWHERE,
    HOME,
    Person,
    accept,
    coming_from,
    invite,
    log_in,
    new_person,
)

LOGINS_OF_ONE_USER, LOGINS_FROM_ONE_ADDRESS = 10, 50
SECRETS_OF_ONE_KEY, KEYS_FROM_ONE_ADDRESS = 20, 100
LINKS_FROM_ONE_ADDRESS = 20


@pytest.fixture
async def ann(team: Team, stranger: Client) -> Person:
    return await new_person(team, stranger)


async def authenticate(service: Client, credential: str, *, address: str = HOME) -> Message:
    return await service.authentication.Authenticate(
        authentication_pb2.AuthenticateRequest(credential=credential),
        metadata=coming_from(address),
    )


async def fail_to_log_in(client: Client, person: Person, times: int, *, address: str) -> None:
    for _ in range(times):
        error = await refusal(log_in(client, person, "a guess", address=address))
        assert isinstance(error, Unauthenticated)


def is_rate_limited(error: PicstoreError, *, within_s: float) -> bool:
    assert isinstance(error, ResourceExhausted)
    assert error.reason is Reason.RATE_LIMITED
    assert error.retry_after is not None
    return 0 < error.retry_after <= within_s


async def test_address_that_guesses_is_refused_whoever_it_tries(
    ann: Person, stranger: Client
) -> None:
    people = [
        Person(team=ann.team, user_id="", email=f"guess-{number}@example.org")
        for number in range(LOGINS_FROM_ONE_ADDRESS)
    ]
    for person in people:
        await fail_to_log_in(stranger, person, 1, address=ELSEWHERE)
    error = await refusal(log_in(stranger, ann, address=ELSEWHERE))
    assert is_rate_limited(error, within_s=900)
    assert error.metadata == {"limit": "50 per 15 minute"}
    await log_in(stranger, ann, address=HOME)


async def test_neighbours_within_an_ipv6_site_are_one(ann: Person, stranger: Client) -> None:
    for number in range(LOGINS_FROM_ONE_ADDRESS):
        person = Person(team=ann.team, user_id="", email=f"guess-{number}@example.org")
        await fail_to_log_in(stranger, person, 1, address=f"2001:db8:1:2::{number:x}")
    error = await refusal(log_in(stranger, ann, address="2001:db8:1:2:ffff::1"))
    assert is_rate_limited(error, within_s=900)


async def test_guesses_from_many_addresses_are_refused_from_any_that_is_new(
    ann: Person, stranger: Client
) -> None:
    for number in range(LOGINS_OF_ONE_USER):
        await fail_to_log_in(stranger, ann, 1, address=f"203.0.113.{number}")
    error = await refusal(log_in(stranger, ann, address="192.0.2.1"))
    assert is_rate_limited(error, within_s=900)


async def test_attacker_cannot_shut_a_user_out_of_where_the_user_works(
    ann: Person, stranger: Client
) -> None:
    await log_in(stranger, ann, address=HOME)
    for number in range(LOGINS_OF_ONE_USER):
        await fail_to_log_in(stranger, ann, 1, address=f"203.0.113.{number}")
    await log_in(stranger, ann, address=HOME)


async def test_made_up_user_is_refused_like_one_who_exists(ann: Person, stranger: Client) -> None:
    nobody = Person(team=ann.team, user_id="", email="nobody@example.org")
    for person in (ann, nobody):
        await fail_to_log_in(stranger, person, LOGINS_OF_ONE_USER, address=ELSEWHERE)
    of_ann, of_nobody = [
        await refusal(log_in(stranger, person, address=ELSEWHERE)) for person in (ann, nobody)
    ]
    assert (of_ann.reason, of_ann.metadata) == (of_nobody.reason, of_nobody.metadata)


async def test_guesses_at_once_are_counted_one_after_the_other(
    ann: Person, stranger: Client
) -> None:
    errors = await asyncio.gather(
        *(
            refusal(log_in(stranger, ann, "a guess", address=ELSEWHERE))
            for _ in range(4 * LOGINS_OF_ONE_USER)
        )
    )
    told_of_the_password = [error for error in errors if error.reason is Reason.LOGIN_FAILED]
    assert len(told_of_the_password) <= LOGINS_OF_ONE_USER + 1


async def test_logins_that_succeed_are_not_counted(ann: Person, stranger: Client) -> None:
    for _ in range(LOGINS_OF_ONE_USER + 1):
        await log_in(stranger, ann)


async def test_good_key_is_accepted_from_an_address_of_bad_ones(
    team: Team, service: Client
) -> None:
    for _ in range(KEYS_FROM_ONE_ADDRESS):
        error = await refusal(authenticate(service, new_api_key(new_id(KeyId)).text))
        assert error.reason is Reason.CREDENTIAL_INVALID
    error = await refusal(authenticate(service, new_api_key(new_id(KeyId)).text))
    assert is_rate_limited(error, within_s=60)
    assert is_rate_limited(await refusal(authenticate(service, "nonsense")), within_s=60)
    await authenticate(service, team.members["writer"].api_key.text)


async def test_good_key_is_accepted_though_its_secret_is_guessed_at(
    team: Team, service: Client
) -> None:
    good = team.members["writer"].api_key
    for number in range(SECRETS_OF_ONE_KEY):
        guess = authenticate(service, new_api_key(good.key_id).text, address=f"203.0.113.{number}")
        assert (await refusal(guess)).reason is Reason.CREDENTIAL_INVALID
    guess = authenticate(service, new_api_key(good.key_id).text, address="192.0.2.1")
    assert is_rate_limited(await refusal(guess), within_s=60)
    await authenticate(service, good.text, address="192.0.2.1")


async def test_good_link_is_accepted_from_an_address_of_bad_ones(
    admin: Client, stranger: Client
) -> None:
    user = await create_user(admin, "invited@example.org")
    good = await invite(admin, user.id)
    for _ in range(LINKS_FROM_ONE_ADDRESS):
        bad = new_invitation_token(new_id(InvitationId)).text
        assert (await refusal(accept(stranger, bad))).reason is Reason.INVITATION_INVALID
    bad = new_invitation_token(new_id(InvitationId)).text
    assert is_rate_limited(await refusal(accept(stranger, bad)), within_s=900)
    await accept(stranger, good)
