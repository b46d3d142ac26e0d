"""The file of contexts: where `picstore login` keeps gateways and the credentials for them.

It is like kubectl's: several contexts by name, one of them current. It holds secrets, so only its
owner may read it; one that others can read is refused, not mended, for they may have read it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

FILE_VARIABLE: Final = "PICSTORE_CONFIG"
_OTHERS: Final = 0o077
"""The permission bits of everybody but the owner."""


class ContextsError(Exception):
    """The file, or a context in it, can't be used; the message says why and what to do."""


class SavedContext(BaseModel):
    """A gateway, and as whom to call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """The gateway."""
    credential: SecretStr
    """An API key, or the credential of a session."""
    team: str = ""
    """For people: the team that was named at the login."""
    email: str = ""
    """For people: who has logged in; empty for an API key."""
    project: str = ""
    """The project that commands are about when they name none; id or short name."""


class Contexts(BaseModel):
    """All contexts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    current: str = ""
    """The name of the one that is taken when none is named; empty for none."""
    contexts: dict[str, SavedContext] = {}

    def get(self, name: str) -> SavedContext:
        """Return a context.

        Raises:
            ContextsError: There is none of this name.
        """
        try:
            return self.contexts[name]
        except KeyError:
            known = ", ".join(sorted(self.contexts)) or "none; make one by `picstore login`"
            raise ContextsError(f"there is no context {name}; there is: {known}") from None

    def with_context(self, name: str, context: SavedContext) -> Contexts:
        """Return them with one more, which is then current."""
        return Contexts(current=name, contexts={**self.contexts, name: context})

    def without(self, name: str) -> Contexts:
        """Return them without one.

        Raises:
            ContextsError: There is none of this name.
        """
        self.get(name)
        kept = {key: value for key, value in self.contexts.items() if key != name}
        return Contexts(current="" if self.current == name else self.current, contexts=kept)

    def using(self, name: str) -> Contexts:
        """Return them with another one current.

        Raises:
            ContextsError: There is none of this name.
        """
        self.get(name)
        return Contexts(current=name, contexts=self.contexts)

    def renamed(self, old: str, new: str) -> Contexts:
        """Return them with one under another name.

        Raises:
            ContextsError: There is none of the old name, or one of the new.
        """
        context = self.get(old)
        if new in self.contexts:
            raise ContextsError(f"there is a context {new} already; delete it first")
        current = new if self.current == old else self.current
        kept = self.without(old).contexts
        return Contexts(current=current, contexts={**kept, new: context})


def contexts_path() -> Path:
    """Return where the file is, or will be."""
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    return platformdirs.user_config_path("picstore", appauthor=False) / "contexts.yaml"


def load_contexts(path: Path) -> Contexts:
    """Read the file; one that is not there holds nothing.

    Raises:
        ContextsError: Others can read it, or it is none of ours.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError) as error:
        raise ContextsError(f"{path} can't be read: {error}") from error
    if os.name == "posix" and mode & _OTHERS:
        raise ContextsError(
            f"{path} holds credentials, and others can read it: run `chmod 600 {path}`, and "
            "`picstore login` again if somebody may have done so"
        )
    try:
        return Contexts.model_validate(yaml.safe_load(text) or {})
    except (yaml.YAMLError, ValidationError) as error:
        # The values are left out of the message: they may be credentials.
        raise ContextsError(
            f"{path} is no file of contexts: move it away and `picstore login` again"
        ) from error


def save_contexts(path: Path, contexts: Contexts) -> None:
    """Write the file: as a whole or not at all, and readable by its owner only.

    Raises:
        ContextsError: It can't be written.
    """
    content = {
        "current": contexts.current,
        "contexts": {
            name: {**context.model_dump(), "credential": context.credential.get_secret_value()}
            for name, context in contexts.contexts.items()
        },
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made by mkstemp with mode 0600, so that there is no moment at which others can read it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ContextsError(f"{path} can't be written: {error}") from error
