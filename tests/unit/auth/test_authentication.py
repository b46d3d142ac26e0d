"""What needs no database to be refused."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.last_uses import LastUses
from picstore_kit.credentials import MalformedCredential, new_api_key
from picstore_kit.ids import KeyId, new_id
from picstore_kit.pg.database import Database
from tests.integration.auth.throttles import out_of_reach


class NoDatabase:
    """Fails the test that touches it."""

    def system_transaction(self) -> None:
        raise AssertionError("the database was asked")


async def test_mistyped_key_costs_no_query() -> None:
    database = cast(Database, NoDatabase())
    authentication = Authentication(
        database, LastUses(database), out_of_reach(), session_idle=timedelta(days=14)
    )
    good = new_api_key(new_id(KeyId)).text
    mistyped = good[:-1] + ("a" if good[-1] != "a" else "b")
    with pytest.raises(MalformedCredential):
        await authentication.authenticate(mistyped)
