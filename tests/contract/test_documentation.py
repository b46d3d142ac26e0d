"""The documentation keeps its promises: what it links to, names and shows is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup

from picstore_cli.main import Commands
from tests.contract.descriptors import methods

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
RECORDS = ROOT / "docs" / "adr"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(value: Path | str) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else value


def code(page: Path, language: str) -> list[str]:
    return [text for kind, text in CODE.findall(page.read_text()) if kind == language]


def anchors(page: Path) -> set[str]:
    """The fragments of a page, as the usual Markdown renderers make them of headings."""
    headings = HEADING.findall(CODE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in LINK.findall(CODE.sub("", page.read_text())):
            if "://" not in target:
                yield page, target


def mentions(pattern: str) -> Iterator[tuple[str, str]]:
    """Every match in the code of a page, fenced or in a line; with the page."""
    for page in PAGES:
        text = page.read_text()
        spans = [*(body for _, body in CODE.findall(text)), *re.findall(r"`([^`\n]+)`", text)]
        for span in spans:
            for found in re.findall(pattern, span):
                yield name_of(page), found


def commands() -> Iterator[str]:
    for name in Commands.entries:
        command = Commands.load(name)
        if isinstance(command, TyperGroup):
            yield from (f"{name} {child}" for child in command.commands)
        else:
            yield name


@pytest.mark.parametrize(("page", "target"), list(links()), ids=name_of)
def test_every_internal_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, fragment = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    assert linked.exists()
    assert linked.is_relative_to(ROOT)
    if fragment:
        assert fragment in anchors(linked)


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z0-9%-]*):", makefile, re.MULTILINE)
    known = re.compile("|".join(target.replace("%", "[a-z-]+") for target in targets))
    named = set(mentions(r"(?:^|\s)make ([a-z][a-z0-9-]*)"))
    assert named
    assert [(page, name) for page, name in sorted(named) if not known.fullmatch(name)] == []


def test_every_command_that_is_named_exists_and_its_page_names_all() -> None:
    existing = set(commands())
    groups = {command.partition(" ")[0] for command in existing if " " in command}
    named = set()
    for page, words in mentions(r"(?:^|[\s/])picstore ([a-z][a-z-]*(?: [a-z][a-z-]*)?)"):
        first = words.partition(" ")[0]
        named.add((page, words if first in groups else first))
    known = existing | groups
    assert [(page, name) for page, name in sorted(named) if name not in known] == []
    assert existing - {name for page, name in named if page == "docs/cli.md"} == set()
    # The overview names all of them, too, if only by their group.
    overview = {name.partition(" ")[0] for page, name in named if page == "README.md"}
    assert set(Commands.entries) - overview == set()


def test_every_variable_that_is_named_is_read_somewhere() -> None:
    sources = "\n".join(
        path.read_text()
        for tree in (
            "libs/picstore_kit",
            "libs/picstore_local",
            "services",
            "clients",
            "tests/perf",
        )
        for path in (ROOT / tree).rglob("*.py")
    )
    # A setting is a field of the group before `__`; a stream is named in the bus's own table.
    unknown = [
        (page, name)
        for page, name in sorted(set(mentions(r"PICSTORE_[A-Z0-9_]*[A-Z0-9]")))
        if f'"{name}"' not in sources
        and not re.search(rf"\b{name.removeprefix('PICSTORE_').split('__')[-1].lower()}: ", sources)
    ]
    assert unknown == []


def test_every_example_in_the_readme_is_a_file() -> None:
    files = {path.read_text() for path in (ROOT / "examples").glob("*.py")}
    shown = code(README, "python")
    assert shown
    assert [text for text in shown if text not in files] == []


def test_every_record_is_in_the_index_and_numbered_once() -> None:
    records = sorted(path.name for path in RECORDS.glob("[0-9]*.md"))
    assert [name[:4] for name in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    index = (RECORDS / "README.md").read_text()
    assert re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", index, re.MULTILINE) == records


@pytest.mark.parametrize("record", sorted(RECORDS.glob("[0-9]*.md")), ids=name_of)
def test_every_record_follows_the_template(record: Path) -> None:
    wanted = HEADING.findall((RECORDS / "template.md").read_text())[1:]
    title, *sections = HEADING.findall(record.read_text())
    assert sections == wanted
    assert title.startswith(f"{record.name[:4]}: ")


def test_the_architecture_names_every_process_package_and_service() -> None:
    text = ARCHITECTURE.read_text()
    processes = {f"picstore-{path.name[9:]}" for path in (ROOT / "services").glob("picstore_*")}
    packages = {
        ".".join(path.relative_to(ROOT / "protos").parts)
        for path in (ROOT / "protos" / "picstore").glob("*/v*")
    }
    services = {str(method.containing_service.name) for method in methods()}
    assert [name for name in sorted(processes | packages | services) if name not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    places = re.findall(r"(?<![\w.}…])/(?:home|root|work|tmp|Users|mnt)/\S*", page.read_text())
    assert places == []
