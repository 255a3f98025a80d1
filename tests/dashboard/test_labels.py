"""Labels of open films, and the strip that shows them."""

from typing import Any

import pytest

from core.errors import BadData
from core.types import Radiograph
from dashboard import film_strip, labels
from dashboard.state import Session
from tests.dashboard.conftest import Desk


def test_a_table_gives_labels_by_the_names_of_files() -> None:
    table = b"\xef\xbb\xbfFile,Label\nfilms/a.png,covid\nC:\\films\\b.png,normal\n,x\n"

    assert labels.read_labels(table, "t.csv") == {"a.png": "covid", "b.png": "normal"}


def test_a_table_without_labels_says_what_it_has_and_what_it_needs() -> None:
    with pytest.raises(BadData, match=r"t\.csv has the columns name, age; .* needs the columns file and label"):
        labels.read_labels(b"name,age\na.png,3\n", "t.csv")


def test_labels_come_to_open_films_and_to_those_added_later(phantom: Radiograph) -> None:
    session = Session()
    films = [Radiograph(phantom.pixels, f"{name}.png", 0, 9 + place, phantom.origin) for place, name in enumerate("ab")]
    session.add(films[0])

    assert labels.use(session, {"a.png": "covid", "b.png": "normal"}) == 1
    session.add(films[1])

    assert [session.labels[film.key] for film in films] == ["covid", "normal"]


def test_the_strip_shows_label_and_whether_the_model_agrees(desk: Desk, png: bytes) -> None:
    desk.drop(("film.png", png))
    says = desk.strip[0]["words"]
    other = next(finding for finding in ("covid", "normal") if finding != says)

    desk.drop(("labels.csv", f"file,label\nfilm.png,{other}\n".encode()))

    assert [(film["label"], film["right"]) for film in desk.strip] == [(other, False)]
    assert f"<span>Wrong: labelled {other}.</span>" in desk.html
    desk.drop(("labels.csv", f"file,label\nfilm.png,{says}\n".encode()))
    assert [(film["label"], film["right"]) for film in desk.strip] == [(says, True)]
    assert f"<span>Right: labelled {says}.</span>" in desk.html


def test_a_known_row_of_the_strip_is_computed_once_and_anew_when_its_film_changes(
    desk: Desk, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.drop(("film.png", png))
    while desk.strip[0].get("note") == "…":
        desk.run()
    before = desk.strip
    computed: list[str] = []
    entry = film_strip._entry

    def counted(radiograph: Radiograph, *rest: Any) -> dict[str, Any]:
        computed.append(radiograph.name)
        return entry(radiograph, *rest)

    monkeypatch.setattr(film_strip, "_entry", counted)

    assert desk.run().strip == before
    assert computed == []
    desk.session.clean(desk.session.film_key or "", invert=True)
    desk.run()
    assert computed[:1] == ["film.png"]
    desk.session.clear()
    assert not desk.session.strip_rows
