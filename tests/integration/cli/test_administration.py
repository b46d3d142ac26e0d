"""An administrator's day, by the command line alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.installation import Installation, clean_environ

PASSWORD = "correct horse battery staple"

Do = Callable[..., str]


@pytest.fixture
def do(picstore: Installation) -> Do:
    """Runs a command that succeeds and returns what it printed."""

    def run(*arguments: str | Path, **options: Any) -> str:
        done = picstore.picstore(*arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def rows(output: str) -> list[dict[str, Any]]:
    """Return a list that was printed with --json."""
    return [json.loads(line) for line in output.splitlines()]


def test_a_project_is_set_up_with_profiles(do: Do) -> None:
    do("projects", "create", "shop", "--name", "The shop")
    do(
        "profiles",
        "create",
        "web",
        "-f",
        "-",
        stdin=do("profiles", "show", "responsive", "-o", "yaml"),
    )
    do(
        *("upload-profiles", "create", "default", "--project", "shop"),
        *("--originals", "originals", "--outputs", "outputs", "--conversion", "web"),
    )
    (profile,) = rows(do("upload-profiles", "list", "--project", "shop", "--json"))
    assert profile["short_name"] == "default"


def test_a_user_is_invited_logs_in_and_is_shut_out_again(
    picstore: Installation, do: Do, tmp_path: Path
) -> None:
    do("roles", "create", "viewer", "--grant", "project:read@website", "--grant", "image:read")
    link = do("users", "invite", "eve@example.com", "--role", "viewer", "--quiet").strip()
    assert link.startswith(picstore.url)
    do("invitations", "accept", link, "--password-stdin", stdin=PASSWORD)

    # From here on two people are at work: Eve has a file of contexts of her own.
    eve = {"PICSTORE_CONFIG": str(tmp_path / "eve" / "contexts.yaml")}
    login = ("--email", "eve@example.com", "--password-stdin", "--project", "website")
    do("login", picstore.url, *login, "--name", "work", environ=eve, stdin=PASSWORD)
    (context,) = rows(do("context", "list", "--json", environ=eve))
    assert (context["name"], context["current"], context["team"]) == ("work", True, "demo")
    assert rows(do("images", "list", "--json", environ=eve))
    (session,) = rows(do("sessions", "list", "--user", "eve@example.com", "--json"))
    assert json.loads(do("whoami", "--json", environ=eve))["session_id"] == session["id"]
    refused = picstore.picstore("users", "list", environ=eve)
    assert refused.returncode == 4
    assert "team:read" in refused.stderr

    do("sessions", "revoke", "--user", "eve@example.com", "--yes")
    out = picstore.picstore("images", "list", environ=eve)
    assert out.returncode == 4
    assert "picstore login" in out.stderr
    do("logout", environ=eve)
    assert rows(do("context", "list", "--json", environ=eve)) == []


def test_what_was_done_is_in_the_audit_log(do: Do) -> None:
    do("projects", "create", "audited")
    events = rows(do("audit", "list", "--since", "1h", "--method", "CreateProject", "--json"))
    assert {event["resource_type"] for event in events} == {"Project"}


def test_a_key_is_shown_once_rotated_and_revoked(picstore: Installation, do: Do) -> None:
    made = do("keys", "create", "--grant", "image:read@website", "--expires", "90d", "--quiet")
    key = {"PICSTORE_API_KEY": made.strip(), "PICSTORE_URL": picstore.url}
    whoami = json.loads(do("whoami", "--json", environ=key))
    assert whoami["expire_time"]
    key_id = whoami["key_id"]
    assert made.strip() not in do("keys", "show", key_id, "--json")
    rotated = json.loads(do("keys", "rotate", key_id, "--overlap", "24h", "--json"))
    assert json.loads(do("whoami", "--json", environ=key))["key_id"] == key_id
    do("keys", "revoke", key_id, "--yes")
    revoked = picstore.picstore("whoami", "--json", environ=key)
    assert revoked.returncode == 4
    assert json.loads(revoked.stderr)["error"]["reason"] == "CREDENTIAL_REVOKED"
    live = {row["id"] for row in rows(do("keys", "list", "--live", "--json"))}
    assert rotated["api_key"]["id"] in live
    assert key_id not in live


def test_a_profile_is_shown_edited_given_back_and_rolled_back(do: Do, tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(do("profiles", "show", "responsive", "-o", "yaml"))
    do("profiles", "create", "edited", "-f", path)
    path.write_text(do("profiles", "show", "edited", "-o", "yaml") + "background: '#102030'\n")
    updated = json.loads(do("profiles", "update", "edited", "-f", path, "--json"))
    assert (updated["revision"], updated["background"]) == (2, "#102030")
    again = do("profiles", "update", "edited", "-f", path, "--json")
    assert json.loads(again)["revision"] == 2
    back = json.loads(do("profiles", "rollback", "edited", "1", "--json"))
    assert back["revision"] == 3
    assert back["background"] == "#ffffff"
    assert "3" in do("profiles", "history", "edited")
    do("profiles", "delete", "edited", "--yes")


def test_a_storage_location_is_tested_step_by_step(do: Do) -> None:
    result = json.loads(do("locations", "test", "outputs", "--json"))
    assert result["passed"]
    assert {"write", "read", "public"} <= {step["name"] for step in result["steps"]}
    assert "cache_control" in do("locations", "test", "outputs")


def test_a_location_that_fails_its_test_is_not_made(picstore: Installation) -> None:
    done = picstore.picstore(
        *("locations", "create", "nowhere", "--endpoint", "http://127.0.0.1:9", "--bucket", "bbb"),
        *("--access-key-id", "k", "--secret-key-stdin", "--test"),
        stdin="the-secret",
    )
    assert done.returncode not in (0, None)
    assert "Traceback" not in done.stderr
    assert "the-secret" not in done.stdout + done.stderr
    assert picstore.picstore("locations", "show", "nowhere").returncode == 3


def test_a_picture_is_described_found_and_looked_up(do: Do, photo: Path) -> None:
    (image,) = rows(do("images", "list", "--limit", "1", "--sort", "created", "--json"))
    do("images", "tag", image["id"], "space", "deep")
    do("images", "untag", image["id"], "deep")
    do(
        *("images", "describe", image["id"], "--alt", image["alt_text"], "--alt", "de=Sterne"),
        *("--focal", "0.5,0.25", "--meta", "camera=WFPC2"),
    )
    (found,) = rows(do("images", "list", "--tag", "space", "--json"))
    assert found["tags"] == ["space"]
    assert found["alt_text"] == image["alt_text"]
    assert found["alt_texts"] == {"de": "Sterne"}
    assert found["focal_point"] == {"x": 0.5, "y": 0.25}
    assert found["metadata"] == {"camera": "WFPC2"}
    assert rows(do("images", "lookup", photo, "--json"))[0]["id"] == image["id"]


def test_a_file_that_is_unknown_is_an_exit_code(picstore: Installation, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    done = picstore.picstore("images", "lookup", tmp_path / "new")
    assert done.returncode == 3
    assert "unknown" in done.stdout


def test_what_exists_is_in_use_or_unknown_has_an_exit_code(picstore: Installation) -> None:
    exists = picstore.picstore("projects", "create", "website", "--json")
    assert exists.returncode == 5
    assert json.loads(exists.stderr)["error"]["reason"] == "RESOURCE_EXISTS"
    used = picstore.picstore("projects", "delete", "website", "--yes", "--json")
    assert used.returncode == 5
    assert json.loads(used.stderr)["error"]["metadata"]["used_by_count"]
    assert picstore.picstore("projects", "show", "nothing").returncode == 3
    assert picstore.picstore("projects", "create", "NOT A NAME").returncode == 2
    unasked = picstore.picstore("projects", "delete", "website")
    assert unasked.returncode == 2
    assert "--yes" in unasked.stderr


def test_the_operator_makes_closes_and_opens_teams(picstore: Installation, do: Do) -> None:
    (team,) = rows(do("teams", "create", "newcomer", "--json"))
    assert team["id"] in do("teams", "list")
    (closed,) = rows(do("teams", "disable", "newcomer", "--yes", "--json"))
    assert closed["disabled"]
    (opened,) = rows(do("teams", "enable", team["id"], "--json"))
    assert not opened.get("disabled")
    assert json.loads(do("operator", "reencrypt-secrets", "--json"))["examined"] >= 2
    assert json.loads(do("operator", "rotate-signing-key", "--json"))["key_id"]


def test_a_wrong_password_is_told_without_saying_what_was_wrong(picstore: Installation) -> None:
    done = picstore.picstore(
        *("login", picstore.url, "--email", "nobody@example.com", "--password-stdin"),
        stdin="wrong wrong wrong",
    )
    assert done.returncode == 4
    assert "(LOGIN_FAILED)" in done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("picstore loc", "locations"),
        ("picstore projects sh", "show"),
        ("picstore projects show web", "website"),
    ],
)
def test_the_shell_is_offered_commands_and_names(
    picstore: Installation, words: str, offered: str
) -> None:
    completion = {
        "_PICSTORE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from picstore_cli.main import app; app(prog_name='picstore')"],
        env={**clean_environ(picstore.data_dir), **completion},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert offered in done.stdout.split()
