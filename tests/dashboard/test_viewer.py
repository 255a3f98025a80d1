"""What the viewer sends to the browser for a film, tested without a browser."""

import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.types import Window

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")


def page() -> None:
    """A Streamlit script: the film of the session in a compact viewer of a link, with its controls."""
    import streamlit as st

    from dashboard.viewer import controls, viewer

    controls("pair", key="bar")
    viewer(st.session_state.film, key="film", link="pair", compact=True)


def viewer_data(**film: Any) -> list[dict[str, Any]]:
    """What each component of that page hands over, for a film with these facts."""
    from core.image import phantom
    from core.types import Origin, Radiograph

    pixels = (phantom.draw(height=256, width=256).radiograph.pixels // 16).astype(np.uint8)
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["film"] = Radiograph(
        pixels=pixels, name="a", black=0, white=255, origin=Origin("DICOM", "MONOCHROME2", 8), **film
    )
    app.run()
    assert not app.exception
    return [json.loads(each.proto.json) for each in app.get("bidi_component")]


def test_viewer_and_controls_are_of_one_link() -> None:
    bar, viewer = viewer_data()

    assert bar == {"link": "pair"}
    assert (viewer["link"], viewer["compact"]) == ("pair", True)


@pytest.mark.parametrize(
    ("facts", "sides"),
    [
        ({}, ["(R)", "", "(L)", ""]),  # how a frontal film is hung
        ({"view": "LL"}, None),
        ({"orientation": ("L", "F")}, ["R", "", "L", ""]),
        ({"orientation": ("R", "F")}, ["L", "", "R", ""]),  # stored mirrored
        ({"orientation": ("F", "R")}, ["", "L", "", "R"]),  # stored lying
        ({"orientation": ("A", "F"), "view": "LL"}, ["P", "", "A", ""]),
    ],
)
def test_the_patients_side_at_each_edge_is_the_files_where_it_says_so(
    facts: dict[str, Any], sides: list[str] | None
) -> None:
    film = viewer_data(**facts)[1]["film"]
    edges = film["sides"]

    assert (film["hung"] or (edges and [edges[edge] for edge in ("left", "top", "right", "bottom")])) == sides


def test_the_files_further_windows_and_whose_millimetres_they_are_travel_along() -> None:
    film = viewer_data(windows=(Window("HARDER", 10.5, 90.5),), spacing=(1.25, 1.25), at_detector=True)[1]["film"]

    assert film["windows"] == [["HARDER", 10.5, 90.5]]
    assert film["spacing"] == [1.25, 1.25]
    assert film["atDetector"]
    assert not viewer_data(spacing=(1.25, 1.25))[1]["film"]["atDetector"]
