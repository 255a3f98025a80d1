"""The rows of a run in memory, for queries over a million rows within a second."""

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as dataset
from numpy.typing import NDArray
from pyarrow import parquet

from core.cohort.run_folder import PART, RunFolder
from core.errors import BadData, BadSetting

BINS = 1000  # of the probability: figures from counts per bin are exact to a thousandth
STAGE = "stage"  # column of the features; older runs lack it and have only the last stage
Outcome = Literal["all", "true positive", "false positive", "false negative", "true negative"]
OUTCOMES: dict[Outcome, str] = {
    "all": "TRUE",
    "true positive": "label AND probability >= $threshold",
    "false positive": "NOT label AND probability >= $threshold",
    "false negative": "label AND probability < $threshold",
    "true negative": "NOT label AND probability < $threshold",
}
ORDERS = {
    "Most likely first": "probability DESC",
    "Least likely first": "probability",
    "Worst mistakes first": "abs(CAST(label AS INT) - probability) DESC NULLS LAST",
    "Least heat in the lungs first": "lung_share NULLS LAST",
    "Models disagree most first": "disagreement DESC NULLS LAST",
    "In the order of the input": "film",
}
GROUPS = ("source", "sex", "view", "split", "age group")
_AGE_GROUP = (
    "CASE WHEN age < 18 THEN 'under 18' WHEN age < 40 THEN '18 to 39' WHEN age < 65 THEN '40 to 64' "
    "WHEN age >= 65 THEN '65 and over' END"
)
_NEEDED = ("film", "path", "digest", "checkpoint", "finding", "method", "probability", "label", "error", "withheld")

_LOAD = """CREATE TABLE rows AS SELECT *, max(probability) OVER same - min(probability) OVER same AS disagreement
FROM read_parquet($files, union_by_name = true) WINDOW same AS (PARTITION BY film, finding)"""


@dataclass(frozen=True)
class Selection:
    """Which rows of a run: those of one model, finding and method, filtered.

    text:      a condition on the columns in SQL, as in "age > 60 AND lung_share < 0.4"; empty for none.
    low, high: bounds of the probability.
    threshold: probability from which the finding counts as called, for `outcome`.
    films:     only these, by number; empty for all.
    """

    checkpoint: str
    finding: str
    method: str | None
    outcome: Outcome = "all"
    text: str = ""
    low: float = 0.0
    high: float = 1.0
    threshold: float = 0.5
    films: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Films per bin of the probability, (BINS,) each: with the label and without it; and the sum of probabilities."""

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    sums: NDArray[np.float64]


class CohortTable:
    """The rows of one run, read once; safe for several threads.

    Besides the columns of the run there is `disagreement`: the range of the models' probabilities for the finding.

    Raises: BadData if the folder holds no run, or one of another version; BadSetting for an invalid condition.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.manifest = self.folder.manifest()
        self._alone = threading.Lock()
        self._database = duckdb.connect()
        files = sorted(str(file) for file in (path / "rows").glob("part-*.parquet"))
        if not files:
            raise BadSetting(f"{path} has no rows yet. They appear in parts of {PART} films.")
        try:
            columns = set(parquet.read_schema(files[0]).names)
            if missing := [name for name in _NEEDED if name not in columns]:
                raise BadData(
                    f"The tables in {path / 'rows'} were written by another version of Lightbox: they lack the column "
                    f"{missing[0]}. Run the films again into a new folder, or use that version."
                )
            self._database.execute(_LOAD, {"files": files})
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise BadData(
                f"The tables in {path / 'rows'} cannot be read ({str(error).splitlines()[0]}). Restore them, or run "
                "the films again into a new folder."
            ) from error
        self._database.execute("SET enable_external_access = false")  # conditions come from the page
        self._database.execute("SET lock_configuration = true")

    def refuse_other_weights(self, name: str, digest: str) -> None:
        """Raises: BadData if the run was made without the model, or with other weights.

        digest: key of the checkpoint.
        """
        known = {card["name"]: card["digest"] for card in self.manifest["checkpoints"]}
        if name not in known:
            raise BadData(
                f"{self.folder.path} was made with {', '.join(known)}, not with {name}. Choose a model of the run."
            )
        if known[name] != digest:
            raise BadData(
                f"{self.folder.path} was made with other weights of {name} (digest {known[name]}, here {digest}). "
                "Run the films again with these weights."
            )

    def count(self, selection: Selection) -> int:
        """The number of films in the selection."""
        return int(self._rows("SELECT count(*)", selection)[0][0])

    def films(self, selection: Selection, *, order: str, first: int, most: int) -> list[dict[str, Any]]:
        """The rows of a page of the gallery."""
        return self._records(
            f"SELECT * FROM rows WHERE {{}} ORDER BY {ORDERS[order]}, film LIMIT {most} OFFSET {first}", selection
        )

    def numbers(self, selection: Selection, *, order: str) -> list[int]:
        """The numbers of all films of the selection, in order."""
        return [row[0] for row in self._rows("SELECT film", selection, f"ORDER BY {ORDERS[order]}, film")]

    def sample(self, selection: Selection, column: str, most: int) -> list[tuple[int, str, float, Any]]:
        """(number, path, probability, value of a column) of films of the selection, up to `most`, always the same."""
        value = _AGE_GROUP if column == "age group" else column
        return self._rows(
            f"SELECT film, path, probability, {value}", selection, f"ORDER BY hash(film), film LIMIT {int(most)}"
        )

    def columns(self, selection: Selection, names: Sequence[str], *, most: int) -> dict[str, list[Any]]:
        """Column -> its values, None where there is none; of up to `most` films, always the same."""
        rows = self._rows(f"SELECT {', '.join(names)}", selection, f"ORDER BY hash(film), film LIMIT {int(most)}")
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    def stages(self, checkpoint: str) -> list[str]:
        """The model's stages whose features are stored: "" for the last, names of earlier ones, `untrained`."""
        if not self._has_features():
            return []
        stored = dataset.dataset(self.folder.path / "features")
        if STAGE not in stored.schema.names:
            return [""]
        first = stored.head(PART, columns=[STAGE], filter=dataset.field("checkpoint") == checkpoint)
        return [stage or "" for stage in dict.fromkeys(first[STAGE].to_pylist())]

    def features(
        self, selection: Selection, films: Sequence[int], *, stage: str = ""
    ) -> tuple[list[int], NDArray[np.float32]]:
        """Numbers of those films that have features of the selection's model, and their features, (N, K).

        stage: one of `stages`.
        """
        blocks = list(self.feature_blocks(selection.checkpoint, films, stage=stage))
        if not blocks:
            return [], np.zeros((0, 0), np.float32)
        return np.concatenate([each for each, _ in blocks]).tolist(), np.concatenate([each for _, each in blocks])

    def feature_blocks(
        self, checkpoint: str, films: Sequence[int] | None = None, *, stage: str = ""
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Numbers (N,) and features (N, K) of the model, some thousand films at a time; of all films or of `films`."""
        if not self._has_features():
            return
        place = self.folder.path / "features"
        stored = dataset.dataset(place if films is None else self._files_of("features", films) or place)
        wanted = dataset.field("checkpoint") == checkpoint
        if STAGE in stored.schema.names:
            wanted = wanted & (dataset.field(STAGE) == stage if stage else dataset.field(STAGE).is_null())
        elif stage:
            return
        if films is not None:
            wanted = wanted & dataset.field("film").isin(list(films))
        for batch in stored.to_batches(columns=["film", "features"], filter=wanted):
            if batch.num_rows:
                values = batch["features"].flatten().to_numpy(zero_copy_only=False)
                yield batch["film"].to_numpy().astype(np.int64), values.reshape(batch.num_rows, -1)

    def _has_features(self) -> bool:
        return (self.folder.path / "features").is_dir()

    def patient_of(self, digest: str) -> str | None:
        """The patient of the film with that content, if the run has it and knows the patient."""
        with self._alone:
            row = self._database.execute("SELECT patient FROM rows WHERE digest = ? LIMIT 1", [digest]).fetchone()
        return row[0] if row else None

    def scores(self, selection: Selection, *, group: str | None = None) -> dict[str, ScoreCounts]:
        """Counts of labelled films per bin of the probability; by the values of a column, or "" for all."""
        by = "''" if group is None else _AGE_GROUP if group == "age group" else group
        rows = self._rows(
            f"SELECT {by}, least(CAST(floor(probability * {BINS}) AS INT), {BINS - 1}) AS bin, "
            "count(*) FILTER (label), count(*) FILTER (NOT label), sum(probability)",
            selection,
            f"AND label IS NOT NULL AND {by} IS NOT NULL GROUP BY ALL",
        )
        groups: dict[str, ScoreCounts] = {}
        for name, place, positives, negatives, total in rows:
            if name not in groups:
                groups[name] = ScoreCounts(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), np.zeros(BINS))
            counts = groups[name]
            counts.positives[place], counts.negatives[place], counts.sums[place] = positives, negatives, total
        return dict(sorted(groups.items()))

    def histogram(self, selection: Selection, column: str, *, bins: int = 40) -> list[tuple[str, float, int]]:
        """(outcome, left edge, films) of a column with values from 0 to 1."""
        outcome = " ".join(
            f"WHEN {rule.replace('$threshold', str(float(selection.threshold)))} THEN '{name}'"
            for name, rule in OUTCOMES.items()
            if name != "all"
        )
        return self._rows(
            f"SELECT CASE {outcome} ELSE 'no label' END AS outcome, "
            f"least(floor({column} * {bins}), {bins - 1}) / {bins} AS edge, count(*)",
            selection,
            f"AND {column} IS NOT NULL GROUP BY ALL ORDER BY outcome, edge",
        )

    def has(self, column: str) -> bool:
        """Whether any row has a value in the column; of the models' disagreement, whether there are several."""
        if column == "disagreement":
            return len(self.manifest["checkpoints"]) > 1
        with self._alone:
            row = self._database.execute(f"SELECT 1 FROM rows WHERE {column} IS NOT NULL LIMIT 1").fetchone()
        return row is not None

    @cached_property
    def totals(self) -> dict[str, int]:
        """The number of films, and of those that could not be read or are withheld."""
        with self._alone:
            row = self._database.execute(
                "SELECT count(DISTINCT film), count(DISTINCT film) FILTER (checkpoint IS NULL AND error IS NOT NULL), "
                "count(DISTINCT film) FILTER (withheld IS NOT NULL) FROM rows"
            ).fetchone()
        return dict(zip(("films", "unreadable", "withheld"), row or (0, 0, 0), strict=True))

    def errors(self, most: int = 100) -> list[dict[str, Any]]:
        """The films that could not be read or are withheld: path and sentence."""
        with self._alone:
            rows = self._database.execute(
                "SELECT DISTINCT film, path, coalesce(error, withheld) FROM rows WHERE checkpoint IS NULL "
                f"ORDER BY film LIMIT {int(most)}"
            ).fetchall()
        return [{"path": path, "sentence": sentence} for _, path, sentence in rows]

    def thumbnails(self, films: Sequence[int]) -> dict[int, bytes]:
        """Film -> JPEG; empty if the run has none."""
        return {row["film"]: row["jpeg"] for row in self._beside("thumbnails", films)}

    def maps(self, selection: Selection, films: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Film -> its row of `maps` with `heat` as an array, for the selection's model, finding and method."""
        chosen = (dataset.field("checkpoint") == selection.checkpoint) & (dataset.field("finding") == selection.finding)
        rows = self._beside("maps", films, chosen & (dataset.field("method") == selection.method))
        return {
            row["film"]: row
            | {"heat": np.frombuffer(row["heat"], np.float16).reshape(row["rows"], row["columns"]).astype(np.float32)}
            for row in rows
        }

    def _beside(self, table: str, films: Sequence[int], chosen: Any = None) -> list[dict[str, Any]]:
        files = self._files_of(table, films)
        if not files:
            return []
        wanted = dataset.field("film").isin(list(films))
        rows: list[dict[str, Any]] = (
            dataset.dataset(files).to_table(filter=wanted if chosen is None else wanted & chosen).to_pylist()
        )
        return rows

    def _files_of(self, table: str, films: Sequence[int]) -> list[str]:
        """The files of the table that hold the films; a run of a million rows has thousands of files."""
        ends = self._part_ends
        if not ends:  # a run without its plan
            return sorted(map(str, (self.folder.path / table).glob("part-*.parquet"))) if films else []
        parts = sorted({bisect_right(ends, film) for film in films})
        return [str(file) for part in parts if (file := self.folder.part_file(table, part)).is_file()]

    @cached_property
    def _part_ends(self) -> list[int]:
        return self.folder.part_ends()

    def _rows(self, select: str, selection: Selection, rest: str = "") -> list[Any]:
        where, values = _where(selection)
        with self._alone:
            answer = self._checked(f"{select} FROM rows WHERE {where} {rest}", selection, values)
            rows: list[Any] = answer.fetchall()
        return rows

    def _records(self, query: str, selection: Selection) -> list[dict[str, Any]]:
        where, values = _where(selection)
        with self._alone:
            answer = self._checked(query.replace("{}", where), selection, values)
            names = [column[0] for column in answer.description]
            rows = answer.fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _checked(self, query: str, selection: Selection, values: dict[str, Any]) -> Any:
        try:
            statements = self._database.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise BadSetting(f"The filter {selection.text!r} is more than one condition. Join conditions with AND.")
            return self._database.execute(query, values)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].split(": ", 1)[-1]
            raise BadSetting(
                f"The filter {selection.text!r} cannot be used ({reason}). Write it as in: age > 60 AND view = 'PA'."
            ) from error


def _where(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The condition of a selection, and its values."""
    parts = ["checkpoint = $checkpoint", "finding = $finding", "method IS NOT DISTINCT FROM $method"]
    values: dict[str, Any] = {
        "checkpoint": selection.checkpoint,
        "finding": selection.finding,
        "method": selection.method,
    }
    if selection.outcome != "all":
        parts.append(OUTCOMES[selection.outcome])
        values["threshold"] = selection.threshold
    if (selection.low, selection.high) != (0.0, 1.0):
        parts.append("probability BETWEEN $low AND $high")
        values |= {"low": selection.low, "high": selection.high}
    if selection.films:
        parts.append("film IN (SELECT unnest($films))")  # a list of thousands is looked up, not searched
        values["films"] = list(selection.films)
    if selection.text.strip():
        parts.append(f"({selection.text})")
    return " AND ".join(parts), values
