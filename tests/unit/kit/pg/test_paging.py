"""Page sizes after AIP-158, and tokens that nobody can bend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_kit.errors import InvalidArgument, InvalidField, Reason
from picstore_kit.pg.paging import Page, Pager

PAGER = Pager(b"a secret of the service")
SCOPE = ("tem_a", "prj_b", "state=READY")


def first_page(rows: list[str], *, page_size: int = 0, pager: Pager = PAGER) -> Page[str]:
    request = pager.open(page_size=page_size, page_token="", scope=SCOPE)
    return pager.close(request, rows[: request.limit], cursor=lambda row: (row,))


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (500, 500), (501, 500)])
def test_page_size_has_a_default_and_a_cap(asked: int, size: int) -> None:
    request = PAGER.open(page_size=asked, page_token="", scope=SCOPE)
    assert request.size == size
    assert request.limit == size + 1
    assert request.after is None


def test_negative_page_size_is_an_invalid_field() -> None:
    with pytest.raises(InvalidField) as caught:
        PAGER.open(page_size=-1, page_token="", scope=SCOPE)
    assert caught.value.violations[0].field == "page_size"


def test_the_last_page_has_no_token() -> None:
    assert first_page(["a", "b"], page_size=2).next_page_token == ""
    assert first_page([]).next_page_token == ""


@given(cursor=st.lists(st.text(max_size=40), min_size=1, max_size=3).map(tuple))
def test_a_token_gives_back_where_the_page_ended(cursor: tuple[str, ...]) -> None:
    request = PAGER.open(page_size=1, page_token="", scope=SCOPE)
    page = PAGER.close(request, [0, 1], cursor=lambda _: cursor)
    following = PAGER.open(page_size=7, page_token=page.next_page_token, scope=SCOPE)
    assert following.after == cursor


@given(size=st.integers(1, 9), count=st.integers(0, 40))
def test_pages_hold_every_row_once(size: int, count: int) -> None:
    rows = [f"{number:03}" for number in range(count)]
    seen: list[str] = []
    token = ""
    while True:
        request = PAGER.open(page_size=size, page_token=token, scope=SCOPE)
        after = request.after
        fetched = [row for row in rows if after is None or (row,) > after][: request.limit]
        page = PAGER.close(request, fetched, cursor=lambda row: (row,))
        seen += page.rows
        token = page.next_page_token
        if not token:
            break
    assert seen == rows


@pytest.mark.parametrize(
    "scope",
    [
        ("tem_other", "prj_b", "state=READY"),
        ("tem_a", "prj_b", "state=FAILED"),
        ("tem_a", "prj_bstate=READY"),
    ],
)
def test_a_token_of_another_list_is_refused(scope: tuple[str, ...]) -> None:
    token = first_page(["a", "b"], page_size=1).next_page_token
    with pytest.raises(InvalidArgument) as caught:
        PAGER.open(page_size=1, page_token=token, scope=scope)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


def test_a_token_made_with_another_secret_is_refused() -> None:
    token = first_page(["a", "b"], page_size=1, pager=Pager(b"somebody else's")).next_page_token
    with pytest.raises(InvalidArgument):
        PAGER.open(page_size=1, page_token=token, scope=SCOPE)


@given(st.text(min_size=1, max_size=80))
def test_rubbish_is_refused_as_a_token(rubbish: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        PAGER.open(page_size=1, page_token=rubbish, scope=SCOPE)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID
