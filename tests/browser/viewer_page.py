"""Pages with nothing but viewers, for `test_viewer*.py`; `?film=PATH` shows a file instead of the phantom."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st

from core.image.phantom import draw
from core.image.read import read
from core.types import Explanation, Placement, Radiograph
from dashboard.viewer import controls, stage_strip, viewer

SIZES = {"stage1": 56, "stage2": 28, "stage3": 14, "stage4": 7}


def radiograph(source: str) -> Radiograph:
    """The phantom at "seed height width", side by side for a large film if a number of copies follows, or a file."""
    if not Path(source).is_file():
        seed, height, width, *copies = map(int, source.split())
        phantom = draw(seed=seed, height=height, width=width).radiograph
        rows = [phantom.pixels] * (copies[0] if copies else 1)
        return replace(phantom, pixels=np.concatenate([np.concatenate(rows)] * len(rows), axis=1))
    return read(Path(source).read_bytes(), name=Path(source).name)


@st.cache_resource(max_entries=4)
def remembered(source: str) -> Radiograph:
    return radiograph(source)


def explanation(film: Radiograph, layer: str, *, signed: bool = False, kind: str = "blob") -> Explanation:
    """A made-up map: a blob in the right lower lung, with a negative one beside it if signed."""
    size = SIZES[layer]
    height, width = film.pixels.shape
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    heat = 3.1 * np.exp(-((x - 0.32) ** 2 + (y - 0.62) ** 2) / 0.02)
    if signed:
        heat -= 2.2 * np.exp(-((x - 0.7) ** 2 + (y - 0.4) ** 2) / 0.01)
    if kind == "flat":
        heat *= 0
    if kind == "nan":
        heat[0, 0] = np.nan
    box = Placement(0.11 * width, 0.04 * height, 0.93 * width, 0.97 * height, turn=1 if kind == "turned" else 0)
    return Explanation(
        radiograph=film.key,
        checkpoint="0" * 16,
        heat=heat.astype(np.float32),
        placement=box,
        signed=signed,
        unit="logits",
        method="Grad-CAM",
        finding="covid",
        layer=layer,
        settings={},
        seconds=0.1,
        passes=(1, 1),
    )


def viewers() -> None:
    """What the address asks for."""
    query = st.query_params
    source = query.get("film", "0 1024 900")
    kind = query.get("kind", "blob")
    signed = query.get("signed") == "1"
    count = int(query.get("viewers", "1"))
    link = query.get("link")
    st.session_state.runs = st.session_state.get("runs", 0) + 1

    film = remembered(st.selectbox("Film", [source, "1 700 800"]))
    layer = st.segmented_control("Stage", list(SIZES), default="stage4", key="stage") or "stage4"
    if st.button("Ask for a finding"):
        query["finding"] = "covid"
    maps = [] if kind == "none" else [explanation(film, layer, signed=signed, kind=kind)]
    if kind in ("several", "tiles"):  # to step through, or one per viewer
        maps = [explanation(film, each) for each in SIZES]
    if link:
        controls(link, key="controls")
    columns = st.columns([3, 1] if count == 1 else min(count, 3))
    for index in range(count):
        other = query.get("other") == "1" and index % 2 == 1
        with columns[index % len(columns)]:
            viewer(
                remembered("1 700 800") if other else film,
                [] if other else maps[index % len(maps) :] if kind == "tiles" else maps,
                key=f"viewer-{index}",
                title=f"Tile {index + 1}" if count > 1 else "",
                height=int(query["height"]) if "height" in query else None,
                source=query.get("source", ""),
                link=link,
                compact=query.get("compact") == "1",
            )
    clicked = stage_strip(film, [explanation(film, each, signed=signed) for each in SIZES], selected=layer, key="strip")
    st.text(f"clicked {clicked}")
    st.text(f"runs {st.session_state.runs}")


def another() -> None:
    """A page without any viewer."""
    st.text("nothing to see")


def main() -> None:
    """The page of the address."""
    st.set_page_config(layout="wide")
    st.navigation([st.Page(viewers, default=True), st.Page(another)], position="top").run()


if __name__ == "__main__":
    main()
