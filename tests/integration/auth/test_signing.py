"""The keys that sign service tokens, across starts, replicas and rotations."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import SecretStr

from picstore_auth.callers import LocalVerificationKeys
from picstore_auth.usecases.signing import (
    LOOK_AGAIN_AFTER,
    OVERLAP,
    RETIRED_AFTER,
    SigningKeys,
)
from picstore_auth.usecases.tokens import Tokens
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.sealing import Sealer, SealError
from picstore_kit.settings import SealingSettings
from tests.integration.auth.clocks import SettableClock

ROTATE_AFTER = timedelta(days=30)
SECRETS = {"catalog": hashlib.sha256(b"the secret").digest()}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime.now(UTC))


@pytest.fixture
async def keyless_database(database: Database) -> Database:
    """The database as before the first start."""
    async with database.system_transaction() as conn:
        await conn.execute("DELETE FROM signing_keys")
    return database


def sealer(current: str = "old", *, keys: tuple[str, ...] = ("old",)) -> Sealer:
    made = {key: hashlib.sha256(key.encode()).digest() for key in keys}
    return Sealer(
        SealingSettings(
            keys={key: SecretStr(base64.b64encode(raw).decode()) for key, raw in made.items()},
            current=current,
        )
    )


def replica(
    database: Database, pager: Pager, clock: SettableClock, seal: Sealer | None = None
) -> SigningKeys:
    return SigningKeys(database, seal or sealer(), pager, rotate_after=ROTATE_AFTER, clock=clock)


async def listed(signing_keys: SigningKeys) -> list[str]:
    page = await signing_keys.list_signing_keys(page_size=0, page_token="")
    return [key.id for key in page.rows]


async def test_replicas_that_start_together_share_one_key(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    replicas = [replica(keyless_database, pager, clock) for _ in range(4)]
    signers = await asyncio.gather(*(each.signer() for each in replicas))
    assert len({signer.key_id for signer in signers}) == 1
    assert await listed(replicas[0]) == [signers[0].key_id]


async def test_key_survives_a_restart(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    before = await replica(keyless_database, pager, clock).signer()
    after = await replica(keyless_database, pager, clock).signer()
    assert after.key_id == before.key_id
    assert after.private_key.private_bytes_raw() == before.private_key.private_bytes_raw()


async def test_private_half_is_not_in_the_database(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    signer = await replica(keyless_database, pager, clock).signer()
    async with keyless_database.system_transaction() as conn:
        cursor = await conn.execute("SELECT sealed_private_key FROM signing_keys")
        ((sealed,),) = await cursor.fetchall()
    assert signer.private_key.private_bytes_raw() not in sealed


async def test_newest_key_signs_and_the_older_one_verifies_until_it_expires(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    signing_keys = replica(keyless_database, pager, clock)
    old = await signing_keys.signer()
    made_at = clock.now

    clock.now = made_at + ROTATE_AFTER
    new = await signing_keys.signer()
    assert new.key_id != old.key_id
    assert set(await listed(signing_keys)) == {old.key_id, new.key_id}

    clock.now = made_at + ROTATE_AFTER + OVERLAP
    assert await listed(signing_keys) == [new.key_id]


async def test_rotation_by_hand_retires_what_may_be_known_to_others(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    one, other = (replica(keyless_database, pager, clock) for _ in range(2))
    old = await one.signer()
    assert (await other.signer()).key_id == old.key_id

    rotated = await one.rotate()
    assert (await one.signer()).key_id == rotated.id != old.key_id
    assert set(await listed(one)) == {old.key_id, rotated.id}

    clock.now += LOOK_AGAIN_AFTER
    assert (await other.signer()).key_id == rotated.id
    clock.now = rotated.created_at + RETIRED_AFTER
    assert await listed(one) == [rotated.id]
    assert rotated.expires_at == rotated.created_at + ROTATE_AFTER + OVERLAP


async def test_replica_finds_the_key_that_another_made(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    one, other = (replica(keyless_database, pager, clock) for _ in range(2))
    old = await one.signer()
    assert (await other.signer()).key_id == old.key_id
    clock.now += ROTATE_AFTER - LOOK_AGAIN_AFTER / 2
    assert (await other.signer()).key_id == old.key_id
    clock.now += LOOK_AGAIN_AFTER / 2
    new = await one.signer()
    clock.now += LOOK_AGAIN_AFTER
    assert (await other.signer()).key_id == new.key_id


async def test_key_is_sealed_anew_when_the_sealing_key_changes(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    signer = await replica(keyless_database, pager, clock).signer()
    both = sealer("new", keys=("old", "new"))
    assert (await replica(keyless_database, pager, clock, both).signer()).key_id == signer.key_id
    only_new = sealer("new", keys=("new",))
    assert (
        await replica(keyless_database, pager, clock, only_new).signer()
    ).key_id == signer.key_id


async def test_key_does_not_open_without_its_sealing_key(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    await replica(keyless_database, pager, clock).signer()
    with pytest.raises(SealError):
        await replica(keyless_database, pager, clock, sealer("new", keys=("new",))).signer()


async def test_key_at_hand_outlives_the_database(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    signing_keys = replica(keyless_database, pager, clock)
    signer = await signing_keys.signer()
    await keyless_database.__aexit__(None, None, None)
    clock.now += LOOK_AGAIN_AFTER
    assert (await signing_keys.signer()).key_id == signer.key_id


async def test_token_says_what_verifiers_ask_for(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    signing_keys = replica(keyless_database, pager, clock)
    tokens = Tokens(signing_keys, secret_digests=SECRETS, clock=clock)
    issued = await tokens.issue_service_token("catalog", "the secret")
    header = jwt.get_unverified_header(issued.token)
    assert (header["alg"], header["kid"]) == ("EdDSA", (await signing_keys.signer()).key_id)
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("picstore-auth", "catalog", "picstore")
    assert claims["jti"]
    assert claims["exp"] - claims["iat"] <= 300
    assert issued.expires_at == datetime.fromtimestamp(claims["exp"], UTC)


async def test_verifier_accepts_tokens_signed_before_and_after_a_rotation(
    keyless_database: Database, pager: Pager, clock: SettableClock
) -> None:
    signing_keys = replica(keyless_database, pager, clock)
    tokens = Tokens(signing_keys, secret_digests=SECRETS)
    before = await tokens.issue_service_token("catalog", "the secret")
    clock.now += ROTATE_AFTER
    after = await tokens.issue_service_token("catalog", "the secret")
    verifier = ServiceTokenVerifier(LocalVerificationKeys(signing_keys))
    assert jwt.get_unverified_header(before.token) != jwt.get_unverified_header(after.token)
    assert await verifier.verify(before.token) == "catalog"
    assert await verifier.verify(after.token) == "catalog"


@pytest.mark.parametrize(("name", "secret"), [("catalog", "a guess"), ("nobody", "the secret")])
async def test_wrong_secret_and_unknown_name_look_alike(
    keyless_database: Database, pager: Pager, clock: SettableClock, name: str, secret: str
) -> None:
    tokens = Tokens(replica(keyless_database, pager, clock), secret_digests=SECRETS, clock=clock)
    with pytest.raises(Unauthenticated, match="no service of that name with that secret") as caught:
        await tokens.issue_service_token(name, secret)
    assert caught.value.reason is Reason.CREDENTIAL_INVALID
