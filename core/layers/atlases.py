"""The atlas of a network's units: what each unit responds to in a set of films, read from one Parquet file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from core.errors import BadData, BadSetting
from core.layers.receptive_field import ReceptiveField, Span
from core.layers.unit_ablation import Unit
from core.models.findings import place_of
from core.registry import unknown
from core.types import Checkpoint

FILE = "atlas.parquet"
FORMAT = 2  # format 1 had no nearest units
_KEY = b"lightbox"
_AGAIN = "Build it again with python -m core atlas and another --out."


@dataclass(frozen=True)
class TopFilm:
    """A film that excites a unit, and the place on it.

    film:        its name in the reference set.
    value:       the unit's greatest activation there, or its relevance in logits.
    row, column: its cell.
    finding:     the network's most likely finding, to which the relevance refers.
    """

    film: str
    value: float
    row: int
    column: int
    finding: str


@dataclass(frozen=True)
class NearUnit:
    """A unit correlated with another over the films, and their correlation, > 0, up to 1."""

    stage: str
    channel: int
    correlation: float


@dataclass(frozen=True, eq=False)
class UnitDescription:
    """The atlas entry of one unit.

    mean:          over all cells and films.
    least, most:   smallest and largest of the films' maximum activations.
    quantiles:     level -> quantile of the films' maximum activations.
    auc:           finding -> AUC of the film's maximum activation alone, 0 to 1; NaN without labels.
    speaks:        finding -> mean relevance in logits, above zero if it supports the finding; NaN without a film.
    exciting, relevant: the films with the greatest activation and with the greatest relevance, best first.
    nearest:       the most correlated units of all stages, by the films' maximum activations; none for a constant unit.
    """

    stage: str
    channel: int
    mean: float
    least: float
    most: float
    quantiles: Mapping[float, float]
    auc: Mapping[str, float]
    speaks: Mapping[str, float]
    exciting: tuple[TopFilm, ...]
    relevant: tuple[TopFilm, ...]
    nearest: tuple[NearUnit, ...]

    def share(self, value: float) -> float:
        """The share of the reference films, 0 to 1, whose greatest activation is smaller; linear between quantiles."""
        if value > self.most:
            return 1.0
        places = [0.0, *self.quantiles, 1.0]
        levels = [self.least, *self.quantiles.values(), self.most]
        if value in levels:  # the first of equal ones: films with the same activation are not smaller
            return places[levels.index(value)]
        return float(np.interp(value, levels, places))


@dataclass(frozen=True, eq=False)
class Atlas:
    """The statistics of every unit of every stage over a reference set.

    metadata: of the file: checkpoint, sha256, findings, set, drawn, films, relevant (films with the relevance
              of inner stages), sample (films behind quantiles and AUC), rank_error (of the quantiles, 95 %), skipped,
              levels, top, size (px of the network's square), stages.
    """

    folder: Path
    metadata: Mapping[str, Any]
    table: pyarrow.Table

    @property
    def findings(self) -> tuple[str, ...]:
        return tuple(self.metadata["findings"])

    @property
    def films(self) -> int:
        return int(self.metadata["films"])

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(self.metadata["stages"])

    def shape(self, stage: str) -> tuple[int, int, int]:
        """(K, h, w) of the stage. Raises: UnknownName."""
        high, wide, units = (self._stage(stage)["shape"][place] for place in (1, 2, 0))
        return units, high, wide

    def field(self, stage: str) -> ReceptiveField | None:
        """The receptive field of a cell of the stage; None if unknown. Raises: UnknownName."""
        field = self._stage(stage)["field"]
        return field and ReceptiveField(Span(**field["rows"]), Span(**field["columns"]), field["whole"])

    @cached_property
    def usual(self) -> Mapping[str, NDArray[np.float32]]:
        """Stage -> (K,) the units' means, which replace them when they are switched off."""
        return {stage: self.column(stage, "mean").astype(np.float32) for stage in self.stages}

    def column(self, stage: str, name: str) -> NDArray[np.float64]:
        """(K, ...) one figure of all units of the stage; "auc" and "speaks" are (K, F). Raises: UnknownName."""
        rows = self._rows(stage).column(name).to_pylist()
        return np.array(rows, np.float64)

    def unit(self, stage: str, channel: int) -> UnitDescription:
        """The entry of one unit. Raises: UnknownName for a stage; BadSetting for an unknown unit."""
        units = self.shape(stage)[0]
        if not 0 <= channel < units:
            raise BadSetting(f"{stage} has no unit {channel}; it has units 0 to {units - 1}. Choose one of them.")
        (row,) = self._rows(stage).slice(channel, 1).to_pylist()
        return UnitDescription(
            stage=stage,
            channel=channel,
            mean=row["mean"],
            least=row["least"],
            most=row["most"],
            quantiles=dict(zip(self.metadata["levels"], row["quantiles"], strict=True)),
            auc=dict(zip(self.findings, map(_number, row["auc"]), strict=True)),
            speaks=dict(zip(self.findings, map(_number, row["speaks"]), strict=True)),
            exciting=tuple(TopFilm(**each) for each in row["exciting"]),
            relevant=tuple(TopFilm(**each) for each in row["relevant"]),
            nearest=tuple(NearUnit(**each) for each in row["nearest"]),
        )

    def ranked(
        self, finding: str, *, by: Literal["auc", "speaks"] = "speaks", stage: str | None = None
    ) -> tuple[Unit, ...]:
        """The units by AUC or contribution for the finding, the best first; those without a figure last.

        Raises: UnknownName for a finding or stage.
        """
        place, pairs = place_of(self.findings, finding), []
        for name in (stage,) if stage else self.stages:
            figures = np.nan_to_num(self.column(name, by)[:, place], nan=-np.inf)
            pairs += [(float(figure), (name, channel)) for channel, figure in enumerate(figures)]
        return tuple(unit for _, unit in sorted(pairs, key=lambda each: -each[0]))

    def _stage(self, stage: str) -> Mapping[str, Any]:
        if stage not in self.metadata["stages"]:
            raise unknown("stage in the atlas", stage, list(self.stages))
        row: Mapping[str, Any] = self.metadata["stages"][stage]
        return row

    def _rows(self, stage: str) -> pyarrow.Table:
        units = self.shape(stage)[0]
        start = sum(self.shape(each)[0] for each in self.stages[: self.stages.index(stage)])
        return self.table.slice(start, units)


def read(path: Path, checkpoint: Checkpoint) -> Atlas:
    """The atlas in the folder, or of that file.

    Raises: BadData if it is missing, unreadable, or belongs to other weights.
    """
    file = path / FILE if path.is_dir() else path
    metadata = account(file)
    if metadata["sha256"] != checkpoint.sha256:
        raise BadData(other_weights(file.parent, metadata, checkpoint))
    return Atlas(file.parent, metadata, pyarrow.parquet.read_table(file))


def account(file: Path) -> dict[str, Any]:
    """The metadata of the file. Raises: BadData if it is not an atlas, or has another format."""
    if not file.is_file():
        raise BadData(f"There is no atlas {file}. Build one: python -m core atlas --data FOLDER --out {file.parent}.")
    try:
        metadata = json.loads((pyarrow.parquet.read_schema(file).metadata or {})[_KEY])
    except (pyarrow.ArrowException, KeyError, ValueError) as error:
        raise BadData(f"{file} is not an atlas of Lightbox, or was cut short ({error}). {_AGAIN}") from error
    if metadata.get("format") != FORMAT:
        raise BadData(f"{file} is an atlas of format {metadata.get('format')}; this version reads {FORMAT}. {_AGAIN}")
    checked: dict[str, Any] = metadata
    return checked


def other_weights(folder: Path, metadata: Mapping[str, Any], checkpoint: Checkpoint) -> str:
    """The message about an atlas that belongs to another network."""
    return (
        f"The atlas in {folder} belongs to other weights ({metadata['checkpoint']}, SHA-256 "
        f"{metadata['sha256'][:12]}…), not "
        f"to {checkpoint.name} ({checkpoint.sha256[:12]}…); it was left as it is. Build one in another folder."
    )


def write(folder: Path, metadata: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
    """Stores an atlas atomically; columns: name -> one value per unit, stage by stage."""
    films = pyarrow.list_(
        pyarrow.struct(
            {
                "film": pyarrow.string(),
                "value": pyarrow.float32(),
                "row": pyarrow.int32(),
                "column": pyarrow.int32(),
                "finding": pyarrow.string(),
            }
        )
    )
    near = {"stage": pyarrow.string(), "channel": pyarrow.int32(), "correlation": pyarrow.float32()}
    figures = pyarrow.list_(pyarrow.float32())
    schema = pyarrow.schema(
        {
            "stage": pyarrow.string(),
            "channel": pyarrow.int32(),
            "mean": pyarrow.float32(),
            "least": pyarrow.float32(),
            "most": pyarrow.float32(),
            "quantiles": figures,
            "auc": figures,
            "speaks": figures,
            "exciting": films,
            "relevant": films,
            "nearest": pyarrow.list_(pyarrow.struct(near)),
        },
        metadata={_KEY: json.dumps({"format": FORMAT, **metadata})},
    )
    part = folder / f"{FILE}.part"
    pyarrow.parquet.write_table(pyarrow.table(dict(columns), schema=schema), part, compression="zstd")
    part.replace(folder / FILE)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
