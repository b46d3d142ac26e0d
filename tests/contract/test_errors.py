"""The catalogue of reasons: what it promises of codes is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from picstore.errors.v1 import error_reason_pb2
from picstore.options.v1 import options_pb2
from picstore_kit.errors import Code, Reason
from tests.contract.raise_sites import mentioned_reasons, raise_sites

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "errors.md"


def guide_of(reason: Reason) -> options_pb2.ErrorGuide:
    values = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    guide: options_pb2.ErrorGuide = (
        values[f"ERROR_REASON_{reason.value}"].GetOptions().Extensions[options_pb2.error]
    )
    return guide


def test_the_search_finds_errors_of_every_kind() -> None:
    found = {(site.reason, site.code) for site in raise_sites()}
    assert (Reason.PERMISSION_MISSING, Code.PERMISSION_DENIED) in found  # a class method
    assert (Reason.STORAGE_DENIED, Code.FAILED_PRECONDITION) in found  # a class of its own
    assert (Reason.LIMIT_PIXELS, Code.INVALID_ARGUMENT) in found  # by a function
    assert len(found) > len(Reason) * 3 / 4


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given_somewhere(reason: Reason) -> None:
    assert reason in mentioned_reasons()


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_comes_with_the_codes_that_the_contract_says_and_no_other(
    reason: Reason,
) -> None:
    made = {site.code for site in raise_sites() if site.reason is reason}
    assert made == {Code(code) for code in guide_of(reason).codes}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_of_calls_or_of_pictures_and_says_what_to_do(reason: Reason) -> None:
    guide = guide_of(reason)
    assert guide.codes or guide.of_pictures
    assert re.fullmatch(r"[A-Z].*\.", guide.remedy)


def test_the_page_is_what_the_contract_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("reason", Reason)
def test_the_page_has_a_section_for_every_reason(reason: Reason) -> None:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {reason.value}\n")
    assert len(section) == 2
    assert "- What to do: " in section[1].split("\n## ")[0]
