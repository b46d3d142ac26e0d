"""Service tokens: what is accepted, what is refused, and when keys are fetched."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picstore_kit.errors import Reason, Unauthenticated, Unavailable
from picstore_kit.rpc.tokens import (
    ServiceTokenVerifier,
    VerificationKey,
    looks_like_service_token,
    mint_service_token,
)

OURS, ANOTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC_BYTES = OURS.public_key().public_bytes(
    serialization.Encoding.Raw, serialization.PublicFormat.Raw
)


class Keys:
    """The keys of auth, which can be rotated and out of reach."""

    def __init__(self) -> None:
        self.current = {"k1": OURS}
        self.expires_at: float | None = None
        self.reachable = True
        self.fetches = 0

    async def fetch(self) -> Sequence[VerificationKey]:
        self.fetches += 1
        if not self.reachable:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "auth does not answer")
        return [
            VerificationKey(key_id=key_id, public_key=key.public_key(), expires_at=self.expires_at)
            for key_id, key in self.current.items()
        ]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(keys: Keys, clock: Clock) -> ServiceTokenVerifier:
    return ServiceTokenVerifier(keys, clock=clock)


def _mint(service: str = "upload", *, key_id: str = "k1", **options: Any) -> str:
    return mint_service_token(service, key_id=key_id, private_key=OURS, **options)[0]


def _forge(
    changes: dict[str, Any],
    *,
    key: Any = OURS,
    algorithm: str = "EdDSA",
    headers: dict[str, Any] | None = None,
) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "picstore-auth",
        "aud": "picstore",
        "sub": "upload",
        "iat": now,
        "exp": now + 300,
        "jti": "1",
    }
    claims |= changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or {"kid": "k1"})


def _unsigned(header: dict[str, Any], payload: str) -> str:
    parts = [json.dumps(header).encode(), payload.encode()]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode() + "."


def _signed(header: dict[str, Any], payload: str) -> str:
    return _signed_text(json.dumps(header), payload)


def _signed_text(header: str, payload: str) -> str:
    parts = [header.encode(), payload.encode()]
    signing_input = b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts
    ).decode()
    signature = base64.urlsafe_b64encode(OURS.sign(signing_input.encode())).rstrip(b"=")
    return f"{signing_input}.{signature.decode()}"


def _payload(*, repeat: str = "") -> str:
    now = int(time.time())
    return (
        f'{{"iss":"picstore-auth","aud":"picstore","sub":"upload"{repeat},'
        f'"iat":{now},"exp":{now + 300},"jti":"1"}}'
    )


async def test_minted_token_names_its_service(verifier: ServiceTokenVerifier) -> None:
    assert looks_like_service_token(_mint())
    assert await verifier.verify(_mint("catalog")) == "catalog"


async def test_hand_made_token_is_good_if_it_is_right(verifier: ServiceTokenVerifier) -> None:
    header = {"alg": "EdDSA", "typ": "JWT", "kid": "k1"}
    assert await verifier.verify(_forge({})) == "upload"
    assert await verifier.verify(_signed(header, _payload())) == "upload"


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda: _forge({}, key=ANOTHER), id="another key"),
        pytest.param(lambda: _forge({}, headers={"kid": "k2"}), id="unknown kid"),
        pytest.param(lambda: _forge({}, headers={"kid": "../k1"}), id="kid like a path"),
        pytest.param(lambda: _forge({}, headers={"x": "y"}), id="no kid"),
        pytest.param(lambda: _forge({}, headers={"kid": "k1", "typ": "at+jwt"}), id="another type"),
        pytest.param(lambda: _forge({"aud": "elsewhere"}), id="another audience"),
        pytest.param(lambda: _forge({"aud": None}), id="no audience"),
        pytest.param(lambda: _forge({"aud": ["picstore", "elsewhere"]}), id="two audiences"),
        pytest.param(lambda: _forge({"iss": "elsewhere"}), id="another issuer"),
        pytest.param(lambda: _forge({"jti": None}), id="no id"),
        pytest.param(lambda: _forge({"iss": None}), id="no issuer"),
        pytest.param(lambda: _forge({"sub": None}), id="no subject"),
        pytest.param(lambda: _forge({"sub": 7}), id="subject that is no text"),
        pytest.param(lambda: _forge({"exp": None}), id="no expiry"),
        pytest.param(lambda: _forge({"iat": None}), id="no time of issue"),
        pytest.param(lambda: _forge({"exp": int(time.time()) + 4000}), id="valid for too long"),
        pytest.param(lambda: _forge({"iat": int(time.time()) + 900}), id="issued in the future"),
        pytest.param(lambda: _forge({"nbf": int(time.time()) + 900}), id="not valid yet"),
        pytest.param(lambda: _forge({"x": "y" * 9000}), id="over 8 KiB"),
        pytest.param(
            lambda: _forge({}, key=base64.b64encode(PUBLIC_BYTES).decode(), algorithm="HS256"),
            id="public key as HMAC secret",
        ),
        pytest.param(
            lambda: _forge(
                {},
                key=ANOTHER,
                headers={
                    "kid": "k2",
                    "jwk": json.loads(
                        jwt.algorithms.OKPAlgorithm.to_jwk(ANOTHER.public_key(), as_dict=False)
                    ),
                },
            ),
            id="brings its own key",
        ),
        pytest.param(
            lambda: _forge({}, headers={"kid": "k1", "jwk": {"kty": "OKP"}}), id="names its key"
        ),
        pytest.param(
            lambda: _forge({}, headers={"kid": "k1", "jku": "https://elsewhere.example/keys"}),
            id="says where its key is",
        ),
        pytest.param(
            lambda: _forge({}, headers={"kid": "k1", "x5u": "https://elsewhere.example/chain"}),
            id="says where its certificate is",
        ),
        pytest.param(
            lambda: _forge({}, headers={"kid": "k1", "crit": ["exp"]}), id="demands extensions"
        ),
        pytest.param(
            lambda: _unsigned({"alg": "none", "typ": "JWT", "kid": "k1"}, _payload()),
            id="not signed",
        ),
        pytest.param(
            lambda: _signed({"alg": "none", "typ": "JWT", "kid": "k1"}, _payload()),
            id="signed, and says that it is not",
        ),
        pytest.param(
            lambda: _signed({"alg": "HS256", "typ": "JWT", "kid": "k1"}, _payload()),
            id="another algorithm",
        ),
        pytest.param(
            lambda: _signed({"alg": "EdDSA", "typ": "JWT", "kid": ["k1"]}, _payload()),
            id="kid that is no text",
        ),
        pytest.param(
            lambda: _signed_text('{"alg":"EdDSA","typ":"JWT","kid":"k2","kid":"k1"}', _payload()),
            id="repeats a header",
        ),
        pytest.param(
            lambda: _signed(
                {"alg": "EdDSA", "typ": "JWT", "kid": "k1"}, _payload(repeat=',"sub":"auth"')
            ),
            id="repeats a claim",
        ),
        pytest.param(lambda: _mint()[:-4], id="cut off"),
        pytest.param(lambda: "eyJ.eyJ.x", id="not a token"),
        pytest.param(lambda: "ps_key", id="an API key"),
        pytest.param(lambda: "", id="empty"),
    ],
)
async def test_forgeries_are_refused(verifier: ServiceTokenVerifier, forge: Any) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(forge())
    assert caught.value.reason is Reason.CREDENTIAL_INVALID


async def test_expired_token_is_refused_as_expired(verifier: ServiceTokenVerifier) -> None:
    assert await verifier.verify(_mint(now=time.time() - 330)) == "upload"  # clocks may differ
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(_mint(now=time.time() - 400))
    assert caught.value.reason is Reason.CREDENTIAL_EXPIRED


async def test_keys_are_fetched_once(verifier: ServiceTokenVerifier, keys: Keys) -> None:
    for _ in range(5):
        await verifier.verify(_mint())
    assert keys.fetches == 1


async def test_unknown_key_id_fetches_again_but_not_for_every_token(
    verifier: ServiceTokenVerifier, keys: Keys, clock: Clock
) -> None:
    await verifier.verify(_mint())
    keys.current = {"k1": OURS, "k2": OURS}
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await verifier.verify(_mint(key_id="made-up"))
    assert keys.fetches == 1
    clock.now += 5
    assert await verifier.verify(_mint(key_id="k2")) == "upload"
    assert keys.fetches == 2


async def test_withdrawn_key_is_forgotten(
    verifier: ServiceTokenVerifier, keys: Keys, clock: Clock
) -> None:
    await verifier.verify(_mint())
    keys.current = {}
    clock.now += 300
    with pytest.raises(Unauthenticated):
        await verifier.verify(_mint())


async def test_expired_key_is_refused(verifier: ServiceTokenVerifier, keys: Keys) -> None:
    keys.expires_at = time.time() - 1
    with pytest.raises(Unauthenticated):
        await verifier.verify(_mint())


async def test_keys_at_hand_outlive_auth(
    verifier: ServiceTokenVerifier, keys: Keys, clock: Clock
) -> None:
    await verifier.verify(_mint())
    keys.reachable = False
    clock.now += 1000
    assert await verifier.verify(_mint()) == "upload"


async def test_without_any_keys_the_fault_is_not_the_callers(
    verifier: ServiceTokenVerifier, keys: Keys, clock: Clock
) -> None:
    keys.reachable = False
    for _ in range(2):
        with pytest.raises(Unavailable):
            await verifier.verify(_mint())
    assert keys.fetches == 1
    keys.reachable = True
    clock.now += 5
    assert await verifier.verify(_mint()) == "upload"
