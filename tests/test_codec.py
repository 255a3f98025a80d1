"""Dataclasses from JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from core.codec import NullableFloat, dump, key, parse, raw


@dataclass(frozen=True)
class Leaf:
    size: int
    fit: Literal["pad", "crop"] = "pad"


@dataclass(frozen=True, eq=False)
class Tree:
    name: str
    leaves: tuple[Leaf, ...] = ()
    heights: Mapping[str, tuple[NullableFloat, ...]] = field(default_factory=dict)
    note: str | tuple[str, ...] = ()
    best: Leaf | None = None
    verdict: str = key("judged", "")
    raw: Mapping[str, Any] = raw()


STORED = {
    "later": {"a": [1, None]},
    "name": "oak",
    "heights": {"north": [1.5, None, 2]},
    "best": None,
    "note": ["one", "two"],
    "judged": "",
    "leaves": [{"size": 3, "fit": "crop"}],
}


def test_what_is_parsed_is_written_again_with_unknown_fields_nulls_and_order() -> None:
    tree = parse(Tree, STORED)

    assert (tree.leaves, tree.best, tree.note, tree.verdict) == ((Leaf(3, "crop"),), None, ("one", "two"), "")
    assert dump(tree) == STORED
    assert list(dump(tree)) == list(STORED)


def test_a_changed_field_is_written_and_an_absent_one_stays_absent() -> None:
    tree = replace(parse(Tree, {"name": "oak", "later": 1}), best=Leaf(2))

    assert dump(tree) == {"name": "oak", "later": 1, "best": {"size": 2, "fit": "pad"}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 3}, r"`name`: expected text, found 3"),
        ({"leaves": [{"size": 1}, {"size": "x"}]}, r"`leaves\[1\]\.size`: expected a whole number, found 'x'"),
        ({"leaves": [{"size": True}]}, r"`leaves\[0\]\.size`: expected a whole number, found True"),
        ({"leaves": [{"size": 1, "fit": "stretch"}]}, r"`leaves\[0\]\.fit`: 'stretch' is none of pad, crop"),
        ({"leaves": [{"size": 1, "hue": 2}]}, r"`leaves\[0\]\.hue`, which this version does not know"),
        ({"leaves": [{}]}, r"`leaves\[0\]\.size`, which is missing"),
        ({"leaves": {}}, r"`leaves`: expected a list, found \{\}"),
        ({"heights": {"north": [None, "x"]}}, r"`heights\.north\[1\]`: expected a number, found 'x'"),
        ({"best": []}, r"best: expected an object, found \[\]"),
    ],
)
def test_a_wrong_field_is_named_with_its_path(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(Tree, STORED | change)
