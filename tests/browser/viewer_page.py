"""A page with nothing but viewers, for `test_viewer.py`; `?film=PATH` shows a file instead of the phantom."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from core.image.phantom import draw
from core.types import Explanation, Origin, Placement, Radiograph
from dashboard.viewer import controls, stage_strip, viewer

SIZES = {"stage1": 56, "stage2": 28, "stage3": 14, "stage4": 7}


def radiograph(source: str) -> Radiograph:
    """The phantom at "seed height width", side by side for a large film if a number of copies follows, or a file."""
    if not Path(source).is_file():
        seed, height, width, *copies = map(int, source.split())
        phantom = draw(seed=seed, height=height, width=width).radiograph
        rows = [phantom.pixels] * (copies[0] if copies else 1)
        return replace(phantom, pixels=np.concatenate([np.concatenate(rows)] * len(rows), axis=1))
    pixels = np.asarray(Image.open(source).convert("L"))
    return Radiograph(pixels=pixels, name=Path(source).name, black=0, white=255, origin=Origin("PNG", "L", 8))


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


def main() -> None:
    """Draws what the address asks for."""
    st.set_page_config(layout="wide")
    source = st.query_params.get("film", "0 1024 900")
    kind = st.query_params.get("kind", "blob")
    signed = st.query_params.get("signed") == "1"
    viewers = int(st.query_params.get("viewers", "1"))
    height = int(st.query_params["height"]) if "height" in st.query_params else None
    st.session_state.runs = st.session_state.get("runs", 0) + 1

    film = remembered(st.selectbox("Film", [source, "1 700 800"]))
    layer = st.segmented_control("Stage", list(SIZES), default="stage4", key="stage") or "stage4"
    shown = [] if kind == "none" else [explanation(film, layer, signed=signed, kind=kind)]
    if kind == "several":
        shown = [explanation(film, each) for each in SIZES]
    link = st.query_params.get("link")
    if link:
        controls(link, key="controls")
    other = st.query_params.get("other") == "1"
    columns = st.columns([3, 1] if viewers == 1 else min(viewers, 3))
    for index in range(viewers):
        with columns[index % len(columns)]:
            viewer(
                remembered("1 700 800") if other and index % 2 else film,
                shown if not other else [],
                key=f"viewer-{index}",
                title=f"Tile {index + 1}" if viewers > 1 else "",
                height=height,
                link=link,
                compact=st.query_params.get("compact") == "1",
            )
    clicked = stage_strip(film, [explanation(film, each, signed=signed) for each in SIZES], selected=layer, key="strip")
    st.text(f"clicked {clicked}")
    st.text(f"runs {st.session_state.runs}")


if __name__ == "__main__":
    main()
