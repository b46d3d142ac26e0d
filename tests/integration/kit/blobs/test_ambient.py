"""Credentials from the surroundings: which source is asked, how, and how often."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from picstore_kit.blobs.ambient import RENEW_BEFORE, AmbientCredentials
from picstore_kit.blobs.base import BlobStoreDenied
from tests.fake_http import Answer, Asked, FakeServer, fake_http

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EXPIRES = NOW + timedelta(hours=1)
STS_ANSWER = """
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>web-secret</SecretAccessKey>
      <SessionToken>web-token</SessionToken><Expiration>2026-11-23T13:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>
"""


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def role(name: str = "ASIAROLE", expires: datetime = EXPIRES) -> Answer:
    fields = {
        "Code": "Success",
        "AccessKeyId": name,
        "SecretAccessKey": "role-secret",
        "Token": "role-token",
        "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Answer(body=json.dumps(fields).encode())


class Metadata:
    """The metadata service of an instance; it speaks version 2 alone."""

    def __init__(self) -> None:
        self.refuses_tokens = False
        self.down = False
        self.expires = EXPIRES
        self.given = 0

    def __call__(self, asked: Asked) -> Answer:
        if self.down:
            return Answer(status=503)
        if asked.path == "/latest/api/token":
            usual = asked.method == "PUT" and asked.headers["x-aws-ec2-metadata-token-ttl-seconds"]
            return (
                Answer(body=b"session") if usual and not self.refuses_tokens else Answer(status=403)
            )
        if asked.headers.get("x-aws-ec2-metadata-token") != "session":
            return Answer(status=401)
        if asked.path == "/latest/meta-data/iam/security-credentials/":
            return Answer(body=b"picstore-role\n")
        assert asked.path == "/latest/meta-data/iam/security-credentials/picstore-role"
        self.given += 1
        return role(f"ASIA{self.given}", self.expires)


def on_instance(server: FakeServer, clock: Clock) -> AmbientCredentials:
    return AmbientCredentials({"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url + "/"}, now=clock)


def test_the_environment_comes_first_and_never_expires() -> None:
    with fake_http(lambda asked: role()) as server:
        credentials = AmbientCredentials(
            {
                "AWS_ACCESS_KEY_ID": "AKIA",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_SESSION_TOKEN": "token",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url,
            }
        ).retrieve()

    assert (credentials.access_key, credentials.secret_key, credentials.session_token) == (
        "AKIA",
        "secret",
        "token",
    )
    assert server.asked == []


def test_web_identity_is_exchanged_at_the_sts_without_a_token_in_the_url(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("a.web.token\n")
    with fake_http(lambda asked: Answer(body=STS_ANSWER.encode())) as sts:
        credentials = AmbientCredentials(
            {
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file),
                "AWS_ROLE_ARN": "arn:aws:iam::1:role/pictures",
                "AWS_ENDPOINT_URL_STS": sts.url,
            },
            now=Clock(),
        ).retrieve()

    assert (credentials.access_key, credentials.session_token) == ("ASIAWEB", "web-token")
    [asked] = sts.asked
    assert (asked.method, asked.path) == ("POST", "/")
    form = parse_qs(asked.body.decode())
    assert form["WebIdentityToken"] == ["a.web.token"]
    assert form["RoleArn"] == ["arn:aws:iam::1:role/pictures"]


def test_a_container_is_asked_with_the_token_of_its_file(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("from the file\n")
    with fake_http(lambda asked: role()) as container:
        credentials = AmbientCredentials(
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{container.url}/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "from the variable",
            },
            now=Clock(),
        ).retrieve()

    assert credentials.access_key == "ASIAROLE"
    [asked] = container.asked
    assert asked.path == "/v1/credentials"
    assert asked.headers["authorization"] == "from the file"


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://example.com/", "ftp://127.0.0.1/"])
def test_a_containers_token_is_sent_nowhere_by_plain_http(url: str) -> None:
    with pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
        AmbientCredentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).retrieve()


def test_an_instance_is_asked_by_version_2_of_its_metadata_service() -> None:
    with fake_http(Metadata()) as server:
        credentials = on_instance(server, Clock()).retrieve()

    assert (credentials.access_key, credentials.session_token) == ("ASIA1", "role-token")
    assert [asked.method for asked in server.asked] == ["PUT", "GET", "GET"]
    assert all(asked.headers["x-aws-ec2-metadata-token"] == "session" for asked in server.asked[1:])


def test_where_version_2_is_refused_there_are_no_credentials() -> None:
    metadata = Metadata()
    metadata.refuses_tokens = True
    with fake_http(metadata) as server, pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
        on_instance(server, Clock()).retrieve()

    assert {asked.path for asked in server.asked} == {"/latest/api/token"}


def test_an_instance_is_not_asked_where_that_is_switched_off() -> None:
    with fake_http(Metadata()) as server, pytest.raises(BlobStoreDenied):
        AmbientCredentials(
            {
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url,
            }
        ).retrieve()

    assert server.asked == []


def test_credentials_are_kept_until_shortly_before_they_expire() -> None:
    clock, metadata = Clock(), Metadata()
    with fake_http(metadata) as server:
        ambient = on_instance(server, clock)
        assert ambient.retrieve().access_key == "ASIA1"
        clock.now = EXPIRES - RENEW_BEFORE - timedelta(seconds=1)
        assert ambient.retrieve().access_key == "ASIA1"
        clock.now = EXPIRES - RENEW_BEFORE
        metadata.expires = EXPIRES + timedelta(hours=6)
        assert ambient.retrieve().access_key == "ASIA2"
        assert ambient.retrieve().access_key == "ASIA2"


def test_credentials_that_cannot_be_renewed_serve_until_they_expire() -> None:
    clock, metadata = Clock(), Metadata()
    with fake_http(metadata) as server:
        ambient = on_instance(server, clock)
        ambient.retrieve()
        metadata.down = True
        clock.now = EXPIRES - timedelta(seconds=1)
        assert ambient.retrieve().access_key == "ASIA1"
        asked = len(server.asked)
        assert ambient.retrieve().access_key == "ASIA1"
        assert len(server.asked) == asked  # not again at once
        clock.now = EXPIRES
        with pytest.raises(BlobStoreDenied):
            ambient.retrieve()


def test_many_threads_ask_once() -> None:
    metadata = Metadata()
    with fake_http(metadata) as server, ThreadPoolExecutor(8) as threads:
        ambient = on_instance(server, Clock())
        together = threading.Barrier(8)

        def retrieve() -> str:
            together.wait()
            return ambient.retrieve().access_key

        found = [each.result() for each in [threads.submit(retrieve) for _ in range(8)]]

    assert set(found) == {"ASIA1"}
    assert metadata.given == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500),
        Answer(body=b"no JSON"),
        Answer(body=b'{"Code": "AccessDenied"}'),
        Answer(body=b"{}"),
        Answer(status=302, headers={"Location": "/elsewhere"}),
    ],
)
def test_an_answer_without_credentials_is_one_clear_error(answer: Answer) -> None:
    with fake_http(lambda asked: answer) as container:
        ambient = AmbientCredentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url})
        with pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
            ambient.retrieve()

    assert all(asked.path != "/elsewhere" for asked in container.asked)
