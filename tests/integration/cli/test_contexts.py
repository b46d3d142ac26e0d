"""The file of contexts, on a real file system."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from picstore_cli.context import NoContext, connection_of
from picstore_cli.contexts import (
    Contexts,
    ContextsError,
    SavedContext,
    load_contexts,
    save_contexts,
)

ACME = SavedContext(url="https://acme.test", credential=SecretStr("ps_acme"), project="blog")
SHOP = SavedContext(url="https://shop.test", credential=SecretStr("ps_shop"))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file is; nothing else names a Pic Store."""
    for name in ("PICSTORE_URL", "PICSTORE_API_KEY", "PICSTORE_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PICSTORE_LOCAL__DATA_DIR", str(tmp_path / "no-stack"))
    path = tmp_path / "config" / "contexts.yaml"
    monkeypatch.setenv("PICSTORE_CONFIG", str(path))
    return path


@pytest.fixture
def both(path: Path) -> Contexts:
    """Two contexts; the second is current."""
    contexts = Contexts().with_context("acme", ACME).with_context("shop", SHOP)
    save_contexts(path, contexts)
    return contexts


def test_a_file_that_is_not_there_holds_nothing(path: Path) -> None:
    assert load_contexts(path) == Contexts()


def test_only_the_owner_may_read_what_is_kept(path: Path, both: Contexts) -> None:
    assert load_contexts(path) == both
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused(path: Path, both: Contexts, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(ContextsError, match="chmod 600"):
        load_contexts(path)


@pytest.mark.parametrize("text", ["contexts: [", "contexts: {a: {credential: ps_secret}}"])
def test_a_file_that_is_none_of_ours_is_refused_without_its_values(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ContextsError) as caught:
        load_contexts(path)
    assert "ps_secret" not in str(caught.value)


def test_the_current_context_is_taken_where_nothing_is_said(both: Contexts) -> None:
    connection = connection_of(None, None)
    assert (connection.url, connection.api_key) == ("https://shop.test", "ps_shop")
    named = connection_of(None, None, name="acme")
    assert (named.api_key, named.project) == ("ps_acme", "blog")


def test_what_is_said_wins(both: Contexts) -> None:
    assert connection_of(None, "ps_other").api_key == "ps_other"
    assert connection_of("https://x.test", "ps_other", name="acme").url == "https://x.test"
    assert connection_of(None, None, name="acme", project="shop").project == "shop"


def test_a_credential_is_sent_only_where_it_is_kept_for(both: Contexts) -> None:
    with pytest.raises(NoContext, match="picstore login https://evil"):
        connection_of("https://evil.test", None)


def test_a_context_is_renamed_forgotten_and_used(both: Contexts) -> None:
    assert both.renamed("shop", "store").current == "store"
    assert both.without("shop").current == ""
    assert both.using("acme").current == "acme"
    with pytest.raises(ContextsError, match="already"):
        both.renamed("shop", "acme")
    with pytest.raises(ContextsError, match="acme, shop"):
        both.get("nothing")
