"""The finished tag: golden ones to read, then what must hold for every picture."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_catalog.model.picture import (
    Candidate,
    Picture,
    PictureOptions,
    attribute_fault,
    compose,
    render,
)
from picstore_imaging.formats import BEST_FIRST, Format
from picstore_kit.errors import FailedPrecondition, Reason

AVIF, WEBP, JPEG, PNG = Format.AVIF, Format.WEBP, Format.JPEG, Format.PNG


def candidate(
    format: Format, width: int, *, density: float = 1, height: int | None = None
) -> Candidate:
    """An output of a photo of 3:2."""
    height = round(width * 2 / 3) if height is None else height
    tag = "" if density == 1 else f"@{density:g}x"
    return Candidate(
        format=format,
        url=f"https://img.example.com/p/{width}x{height}{tag}.{format.extension}",
        width=width,
        height=height,
        density=density,
        size_bytes=width * 10,
    )


def picture_of(
    *outputs: Candidate,
    options: PictureOptions | None = None,
    alt_text: str = "",
    has_alpha: bool = False,
) -> Picture:
    return compose(
        outputs,
        options=options or PictureOptions(),
        alt_text=alt_text,
        has_alpha=has_alpha,
        dominant_colour="#1a2b3c",
    )


def test_widths_are_told_apart_by_w_and_sizes() -> None:
    ladder = [candidate(format, width) for width in (800, 400) for format in (JPEG, AVIF, WEBP)]
    options = PictureOptions(sizes="(min-width: 60em) 800px, 100vw", css_class="hero")

    assert render(picture_of(*ladder, options=options, alt_text="A lake")) == (
        "<picture>\n"
        '  <source type="image/avif"'
        ' srcset="https://img.example.com/p/400x267.avif 400w,'
        ' https://img.example.com/p/800x533.avif 800w"'
        ' sizes="(min-width: 60em) 800px, 100vw">\n'
        '  <source type="image/webp"'
        ' srcset="https://img.example.com/p/400x267.webp 400w,'
        ' https://img.example.com/p/800x533.webp 800w"'
        ' sizes="(min-width: 60em) 800px, 100vw">\n'
        '  <img src="https://img.example.com/p/800x533.jpg"'
        ' srcset="https://img.example.com/p/400x267.jpg 400w,'
        ' https://img.example.com/p/800x533.jpg 800w"'
        ' sizes="(min-width: 60em) 800px, 100vw"'
        ' width="800" height="533" alt="A lake" loading="lazy" decoding="async" class="hero"'
        ' style="background-color:#1a2b3c">\n'
        "</picture>"
    )


def test_densities_of_one_size_are_told_apart_by_x_and_need_no_sizes() -> None:
    pairs = [
        candidate(format, 300 * density, density=density)
        for format in (WEBP, PNG)
        for density in (1, 2)
    ]

    assert render(picture_of(*pairs, options=PictureOptions(priority=True, sizes="50vw"))) == (
        "<picture>\n"
        '  <source type="image/webp"'
        ' srcset="https://img.example.com/p/300x200.webp 1x,'
        ' https://img.example.com/p/600x400@2x.webp 2x">\n'
        '  <img src="https://img.example.com/p/300x200.png"'
        ' srcset="https://img.example.com/p/300x200.png 1x,'
        ' https://img.example.com/p/600x400@2x.png 2x"'
        ' width="300" height="200" alt="" loading="eager" decoding="async" fetchpriority="high"'
        ' style="background-color:#1a2b3c">\n'
        "</picture>"
    )


def test_a_single_output_is_a_plain_image() -> None:
    assert render(picture_of(candidate(JPEG, 300))) == (
        "<picture>\n"
        '  <img src="https://img.example.com/p/300x200.jpg"'
        ' width="300" height="200" alt="" loading="lazy" decoding="async"'
        ' style="background-color:#1a2b3c">\n'
        "</picture>"
    )


def test_a_2x_of_another_format_never_joins_a_source() -> None:
    # The missing pair: WebP has only 1x ready, PNG only 2x.
    picture = picture_of(candidate(WEBP, 300), candidate(PNG, 600, density=2))

    (webp,) = picture.sources
    assert webp.srcset == "https://img.example.com/p/300x200.webp 1x"
    assert picture.fallback.srcset == "https://img.example.com/p/600x400@2x.png 2x"
    assert (picture.width, picture.height) == (300, 200)


def test_a_density_that_the_source_does_not_fill_is_told_as_it_is() -> None:
    picture = picture_of(candidate(JPEG, 800), candidate(JPEG, 1200, density=1.5))

    assert picture.fallback.srcset.endswith("1200x800@1.5x.jpg 1.5x")
    assert picture.width == 800


def test_sizes_with_densities_are_told_apart_by_width() -> None:
    picture = picture_of(
        candidate(JPEG, 400),
        candidate(JPEG, 800, density=2),
        candidate(JPEG, 800),
        candidate(JPEG, 1600, density=2),
    )

    # Of the two that are 800 px wide, the 1x has the better quality.
    assert [(c.width, c.density) for c in picture.fallback.candidates] == [
        (400, 1),
        (800, 1),
        (1600, 2),
    ]
    assert picture.fallback.sizes == "100vw"
    assert picture.shown.width == 800


def test_crops_of_another_shape_are_left_out() -> None:
    picture = picture_of(
        candidate(JPEG, 1600), candidate(JPEG, 400), candidate(JPEG, 400, height=400)
    )

    assert [c.height for c in picture.fallback.candidates] == [267, 1067]


@pytest.mark.parametrize(
    ("formats", "has_alpha", "fallback", "sources"),
    [
        ([PNG, JPEG, AVIF], False, JPEG, [AVIF]),
        ([PNG, JPEG, WEBP, AVIF], True, PNG, [AVIF, WEBP]),
        ([AVIF, WEBP], False, WEBP, [AVIF]),
        ([AVIF], True, AVIF, []),
    ],
)
def test_the_fallback_is_what_most_browsers_know(
    formats: Sequence[Format], has_alpha: bool, fallback: Format, sources: Sequence[Format]
) -> None:
    picture = picture_of(*(candidate(format, 400) for format in formats), has_alpha=has_alpha)

    assert picture.fallback.format is fallback
    assert [source.format for source in picture.sources] == list(sources)


def test_a_background_does_not_shine_through_transparency() -> None:
    assert "style" not in render(picture_of(candidate(PNG, 400), has_alpha=True))


def test_nothing_to_show_is_said() -> None:
    with pytest.raises(FailedPrecondition) as refused:
        picture_of()

    assert refused.value.reason is Reason.STATE_WRONG


@pytest.mark.parametrize("text", ["x" * 1001, "a\nb", "\0"])
def test_an_attribute_that_no_page_would_have_is_refused(text: str) -> None:
    assert attribute_fault("(min-width: 60em) 50vw, 100vw") is None
    assert attribute_fault(text) == "must be at most 1000 printable characters"


class Reader(HTMLParser):
    """Collects elements as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), "an attribute is there twice"
        self.elements.append((tag, dict(attrs)))
        if tag == "picture":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert not data.strip()


def candidates_of(srcset: str) -> list[tuple[str, str]]:
    return [(url, descriptor) for url, descriptor in (part.split() for part in srcset.split(", "))]


outputs = st.lists(
    st.builds(
        candidate,
        st.sampled_from(BEST_FIRST),
        st.integers(1, 4000),
        density=st.sampled_from([1, 1.5, 2, 3]),
        height=st.none() | st.integers(1, 4000),
    ),
    min_size=1,
    max_size=20,
)
printable = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=40)


@given(
    outputs=outputs,
    alt_text=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40),
    sizes=printable.filter(str.isprintable),
    css_class=printable.filter(str.isprintable),
    priority=st.booleans(),
    has_alpha=st.booleans(),
)
def test_every_tag_reads_back_as_what_it_was_made_of(
    outputs: list[Candidate],
    alt_text: str,
    sizes: str,
    css_class: str,
    priority: bool,
    has_alpha: bool,
) -> None:
    options = PictureOptions(sizes=sizes, css_class=css_class, priority=priority)
    picture = picture_of(*outputs, options=options, alt_text=alt_text, has_alpha=has_alpha)

    reader = Reader(render(picture))
    (picture_tag, _), *sources, (image_tag, image) = reader.elements
    assert not reader.open
    assert picture_tag == "picture"
    assert image_tag == "img"
    assert image["alt"] == alt_text
    assert image.get("class") == (css_class or None)
    assert image["src"] == picture.shown.url
    assert (image["loading"] == "eager") == (image.get("fetchpriority") == "high") == priority
    assert int(image["width"] or 0) >= 1
    assert int(image["height"] or 0) >= 1

    made = {output.url: output for output in outputs}
    order = []
    for tag, attributes in sources:
        assert tag == "source"
        assert attributes.get("sizes", "") == picture.fallback.sizes
        found = candidates_of(attributes["srcset"] or "")
        formats = {made[url].format for url, _ in found}
        (format,) = formats
        order.append(format)
        assert attributes["type"] == format.mime_type
        descriptors = [descriptor for _, descriptor in found]
        assert len(set(descriptors)) == len(descriptors)
        assert len({descriptor[-1] for descriptor in descriptors}) == 1
        for url, descriptor in found:
            output = made[url]
            assert descriptor in (f"{output.width}w", f"{output.density:g}x")
    assert order == [format for format in BEST_FIRST if format in order]
    assert picture.fallback.format not in order


@given(data=st.data(), outputs=outputs)
def test_the_order_of_outputs_does_not_matter(
    data: st.DataObject, outputs: list[Candidate]
) -> None:
    unique = list({output.url: output for output in outputs}.values())
    shuffled = data.draw(st.permutations(unique))

    assert render(picture_of(*shuffled)) == render(picture_of(*unique))


def test_two_densities_are_paired_within_each_format() -> None:
    pairs = [
        candidate(format, round(400 * density), density=density)
        for density in (2, 1)
        for format in (JPEG, WEBP, AVIF)
    ]
    picture = picture_of(*pairs)

    for source in (*picture.sources, picture.fallback):
        assert [(c.format, c.density) for c in source.candidates] == [
            (source.format, 1),
            (source.format, 2),
        ]
        extension = source.format.extension
        assert source.srcset == (
            f"https://img.example.com/p/400x267.{extension} 1x, "
            f"https://img.example.com/p/800x533@2x.{extension} 2x"
        )
        assert source.sizes == ""
    assert (picture.shown.density, picture.width) == (1, 400)


def test_a_format_whose_largest_was_of_no_use_is_no_source() -> None:
    outputs = [candidate(f, w) for f, w in ((AVIF, 800), (JPEG, 800), (WEBP, 400), (JPEG, 400))]
    options = PictureOptions()

    def formats(left_out: dict[Format, int]) -> list[Format]:
        picture = compose(outputs, options=options, left_out=left_out)
        return [source.format for source in picture.sources]

    assert formats({WEBP: 800}) == [AVIF]
    assert formats({WEBP: 200}) == [AVIF, WEBP]
    assert formats({}) == [AVIF, WEBP]
