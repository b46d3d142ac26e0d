"""Conversion profiles between the wire, the model and the database."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from picstore.catalog.v1 import conversion_pb2
from picstore_catalog.mapping import conversion
from picstore_catalog.model.conversion_profile import (
    formats_from_json,
    formats_to_json,
    sizes_from_json,
    sizes_to_json,
)
from picstore_imaging.formats import Format
from picstore_imaging.rules import Density, Fit, FormatRule, Gravity, SizeRule, When
from picstore_kit.violations import Violations

SOURCES = st.frozensets(st.sampled_from(sorted(conversion.SOURCE_FORMAT_NUMBERS)))
FORMAT_RULES = st.builds(
    FormatRule,
    format=st.sampled_from(Format),
    quality=st.none() | st.integers(1, 100),
    lossless=st.booleans(),
    effort=st.none() | st.integers(0, 9),
    only_from=SOURCES,
    not_from=SOURCES,
)
DENSITIES = st.builds(
    Density, ratio=st.sampled_from([1.0, 1.5, 2.0, 3.0]), quality=st.none() | st.integers(1, 100)
)
SIZE_RULES = st.builds(
    SizeRule,
    width=st.none() | st.integers(1, 16_384),
    height=st.none() | st.integers(1, 16_384),
    fit=st.sampled_from(Fit),
    gravity=st.sampled_from(Gravity),
    when=st.sampled_from(When),
    enlarge=st.booleans(),
    densities=st.lists(DENSITIES, min_size=1, max_size=4).map(tuple),
)


def test_every_value_of_the_contract_and_of_the_model_has_a_counterpart() -> None:
    pairs = (
        (conversion_pb2.Fit, conversion.FITS, Fit),
        (conversion_pb2.Gravity, conversion.GRAVITIES, Gravity),
        (conversion_pb2.When, conversion.WHENS, When),
    )
    for contract, table, model in pairs:
        assert set(table) == set(contract.values()) - {0}
        assert set(table.values()) == set(model)
    assert set(conversion.SOURCE_FORMATS) == set(conversion_pb2.Format.values()) - {0}
    assert set(conversion.FORMATS.values()) == set(Format)
    for number, format in conversion.FORMATS.items():
        assert conversion.SOURCE_FORMATS[number].value == format.value


@given(st.lists(FORMAT_RULES))
def test_format_rules_survive_the_wire_and_the_database(rules: list[FormatRule]) -> None:
    violations = Violations()
    messages = conversion.format_messages(rules)

    assert conversion.format_rules(messages, violations, "formats") == tuple(rules)
    violations.refuse()
    assert formats_from_json(json.loads(json.dumps(formats_to_json(rules)))) == tuple(rules)


@given(st.lists(SIZE_RULES))
def test_size_rules_survive_the_wire_and_the_database(rules: list[SizeRule]) -> None:
    violations = Violations()
    messages = conversion.size_messages(rules)

    assert conversion.size_rules(messages, violations, "sizes") == tuple(rules)
    violations.refuse()
    assert sizes_from_json(json.loads(json.dumps(sizes_to_json(rules)))) == tuple(rules)


def test_formats_have_the_name_that_the_contract_gives_them() -> None:
    numbers = conversion_pb2.Format
    assert set(conversion.SOURCE_FORMATS) == set(numbers.values()) - {0}
    for number, source in conversion.SOURCE_FORMATS.items():
        assert numbers.Name(number) == f"FORMAT_{source.name}"
    assert set(conversion.FORMATS.values()) == set(Format)
    for number, format_ in conversion.FORMATS.items():
        assert numbers.Name(number) == f"FORMAT_{format_.name}"
