"""The tables of a run: their columns, documented and stable.

A change of a column's name, type or meaning raises VERSION; a run of another version is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

VERSION = 1

# One row per film, checkpoint, finding and method; for a film that cannot be read one row with `error`. Film columns
# repeat in each row of the film. Anything unknown is null.
ROWS: Mapping[str, tuple[pa.DataType, str]] = {
    "film": (pa.int32(), "number of the film in the run, from 0"),
    "path": (pa.string(), "of the film, relative to the input"),
    "id": (pa.string(), "of the film in the table given as input; else the path"),
    "digest": (pa.string(), "of the film's content (key of the radiograph)"),
    "checkpoint": (pa.string(), "name of the model"),
    "finding": (pa.string(), "of the model"),
    "method": (pa.string(), "attribution method; null if none was requested"),
    "probability": (pa.float32(), "calibrated, 0 to 1"),
    "logit": (pa.float32(), "before temperature"),
    "called": (pa.bool_(), "whether the model calls it: it reaches its operating point, or is the most likely of a "
               "model without operating points"),
    "label": (pa.bool_(), "whether the film is labelled with the finding"),
    "error": (pa.string(), "why there is no result, in a sentence; null where there is one"),
    "withheld": (pa.string(), "why the film checks or a model's gate withhold the prediction, in a sentence"),
    "gate": (pa.string(), "verdict of the model's gate on the film: accepted, doubtful, refused or drawn (not a film)"),
    "gate_score": (pa.float32(), "of the gate: log odds that the model should not be asked about the film"),
    "prediction_set": (pa.list_(pa.string()), "findings that cannot be excluded at 90 % coverage, most likely first"),
    "labels": (pa.list_(pa.string()), "all labels given for the film"),
    "patient": (pa.string(), "id given for the patient"),
    "source": (pa.string(), "collection or hospital given"),
    "subtype": (pa.string(), "details of the label, as given"),
    "age": (pa.float32(), "years, as given or from the file"),
    "sex": (pa.string(), "as given"),
    "view": (pa.string(), "as given or from the file"),
    "split": (pa.string(), "as given"),
    "height": (pa.int32(), "of the film in pixels"),
    "width": (pa.int32(), "of the film in pixels"),
    "film_warnings": (pa.list_(pa.string()), "names of the film checks that warn"),
    "film_notes": (pa.list_(pa.string()), "names of the film checks with a note"),
    "lung_area": (pa.float32(), "share of the film that the lungs and a rim around them cover"),
    "lung_x0": (pa.float32(), "left edge of the lungs with their rim, as a share of the film's width"),
    "lung_y0": (pa.float32(), "upper edge, as a share of the height"),
    "lung_x1": (pa.float32(), "right edge, as a share of the width"),
    "lung_y1": (pa.float32(), "lower edge, as a share of the height"),
    "layer": (pa.string(), "stage that the map explains; null for maps of the input"),
    "unit": (pa.string(), "of the map's values"),
    "map_maximum": (pa.float32(), "largest value of the map, in its unit"),
    "map_entropy": (pa.float32(), "of the heat over the map's cells, 0 (one cell) to 1 (spread evenly)"),
    "map_x": (pa.float32(), "centre of the heat, as a share of the film's width"),
    "map_y": (pa.float32(), "centre of the heat, as a share of the film's height"),
    "map_zone": (pa.string(), "region with most of the heat"),
    "map_caveat": (pa.string(), "warning about the map, in a sentence"),
    "lung_share": (pa.float32(), "share of the heat in the lungs and a rim around them"),
    "checkpoint_digest": (pa.string(), "of the model's weights and preprocessing (key of the checkpoint)"),
    "seconds": (pa.float32(), "computing time of this row; the film's share of its batch"),
}  # fmt: skip

MAPS: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: ROWS[name] for name in ("film", "digest", "checkpoint", "finding", "method")},
    "heat": (pa.binary(), "float16, row by row, in the map's own unit"),
    "rows": (pa.int16(), "of the map"),
    "columns": (pa.int16(), "of the map"),
    "x0": (pa.float32(), "left edge of the map on the film, in pixels"),
    "y0": (pa.float32(), "upper edge"),
    "x1": (pa.float32(), "right edge"),
    "y1": (pa.float32(), "lower edge"),
    "turn": (pa.int8(), "quarter turns counter-clockwise that the map was turned by"),
}
FEATURES: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: ROWS[name] for name in ("film", "digest", "checkpoint")},
    "features": (pa.list_(pa.float32()), "output of a stage, averaged over its cells; of the last one: what the last "
                 "layer reads"),
    "stage": (pa.string(), "null for the last stage, the name of an earlier one, or `untrained`: the last stage of the "
              "same network with random weights"),
}  # fmt: skip
THUMBNAILS: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: ROWS[name] for name in ("film", "digest")},
    "jpeg": (pa.binary(), "the film, 128 px along its long side"),
}
ALTERED: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: ROWS[name] for name in ("film", "digest", "checkpoint")},
    "alteration": (pa.string(), "name of the alteration; there is no row where it needs lungs and none are found"),
    "area": (pa.float32(), "share of the film, without its margins, that was changed"),
    "logits": (pa.list_(pa.float32()), "of the altered film, in the order of the model's findings; null where nothing "
               "was changed"),
}  # fmt: skip
TABLES = {"rows": ROWS, "maps": MAPS, "features": FEATURES, "thumbnails": THUMBNAILS, "altered": ALTERED}

RowRecord = dict[str, Any]
UNTRAINED = "untrained"  # `stage` of the features of a network with random weights
Records = dict[str, list[RowRecord]]  # table -> its rows


def measure_columns(measures: Sequence[str]) -> dict[str, tuple[pa.DataType, str]]:
    """The further columns of `rows` for the trust measures of a run."""
    columns: dict[str, tuple[pa.DataType, str]] = {}
    for name in measures:
        columns[f"measure_{name}"] = pa.float32(), f"value of the trust measure {name}"
        columns[f"measure_{name}_level"] = pa.string(), "ok, note or warning; null where the measure cannot judge"
    return columns


def arrow(table: str, records: Sequence[RowRecord], measures: Sequence[str] = ()) -> pa.Table:
    """The records as an Arrow table of that name; missing values are null."""
    columns = {**TABLES[table], **(measure_columns(measures) if table == "rows" else {})}
    schema = pa.schema([pa.field(name, kind, metadata={"meaning": words}) for name, (kind, words) in columns.items()])
    return pa.Table.from_pylist(list(records), schema=schema)
