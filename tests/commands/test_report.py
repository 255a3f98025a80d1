"""`report`: the files written, maps recomputed from their contents, and what is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from pypdf import PdfReader

from core.__main__ import cli
from core.image.phantom import draw
from core.image.read import read
from core.report.manifest import read_manifest
from core.types import Radiograph
from tests.report.test_dicom import film_of


def run_report(weights: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["report", "--weights", str(weights), *map(str, arguments)])


@pytest.fixture(scope="module")
def film(phantom: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


@pytest.fixture(scope="module")
def reports(weights: Path, film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    maps: list[str | Path] = [
        "--finding",
        "covid",
        "--finding",
        "normal",
        "--method",
        "grad-cam",
        "--method",
        "saliency",
    ]
    outs: list[str | Path] = [
        "--out",
        folder / "case.pdf",
        "--out",
        folder / "case.html",
        "--figure",
        folder / "figure.pdf",
    ]
    result = run_report(weights, film, *maps, *outs, "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["maps"]) == 4
    return folder


def test_report_and_figure_are_written(reports: Path) -> None:
    names = {"case.pdf", "case.html", "figure.pdf", "figure.png", "figure.txt"}

    assert {path.name for path in reports.iterdir()} == names


@pytest.mark.parametrize("name", ["case.pdf", "case.html", "manifest.json"])
def test_maps_are_computed_again_from_what_a_report_holds(weights: Path, film: Path, reports: Path, name: str) -> None:
    source = reports / name
    if name == "manifest.json":
        source = reports.parent / name
        source.write_text(read_manifest(reports / "case.pdf").text)
    result = run_report(weights, film, "--from", source)

    assert result.exit_code == 0, result.output
    assert "4 maps computed again: identical to the last bit." in result.stdout


def test_another_film_is_refused_in_one_sentence(weights: Path, film: Path, reports: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    with Image.open(film) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
    result = run_report(weights, other, "--from", reports / "case.pdf")

    assert result.exit_code == 1
    assert "The report is of another film than other.png" in result.stderr


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("checkpoint_key", "0" * 16, "made with other weights than untrained has now"),
        ("version", 99, "is of version 99, this program reads 1"),
        ("threads", "many", "holds no manifest that can be read"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_in_one_sentence(
    weights: Path, film: Path, reports: Path, tmp_path: Path, field: str, value: object, sentence: str
) -> None:
    manifest = json.loads(read_manifest(reports / "case.html").text) | {field: value}
    source = tmp_path / "manifest.json"
    source.write_text(json.dumps(manifest))
    result = run_report(weights, film, "--from", source)

    assert result.exit_code == 1
    assert sentence in result.stderr


def test_a_map_with_other_values_is_refused_in_one_sentence(
    weights: Path, film: Path, reports: Path, tmp_path: Path
) -> None:
    manifest = json.loads(read_manifest(reports / "case.html").text)
    manifest["maps"][1]["key"] = "0" * 16
    source = tmp_path / "manifest.json"
    source.write_text(json.dumps(manifest))
    result = run_report(weights, film, "--from", source)

    assert result.exit_code == 1
    assert "1 of 4 maps differ from the report in their last bits" in result.stderr


def test_a_pdf_without_a_manifest_is_refused_in_one_sentence(weights: Path, film: Path, reports: Path) -> None:
    result = run_report(weights, film, "--from", reports / "figure.pdf")

    assert result.exit_code == 1
    assert "figure.pdf holds no manifest that can be read" in result.stderr


def test_bad_output_is_refused_before_anything_is_computed(weights: Path, film: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused: list[tuple[list[str | Path], str]] = [
        ([], "There is nothing to write."),
        (["--out", tmp_path / "case.docx"], "A report is a .pdf or .html file, but --out is case.docx."),
        (["--out", tmp_path / "file" / "case.pdf"], "is not a folder"),
    ]
    for arguments, sentence in refused:
        result = run_report(weights, film, *arguments)
        assert result.exit_code == 1
        assert sentence in result.stderr


def test_an_existing_file_is_replaced_only_with_force(weights: Path, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "case.html"
    out.write_text("mine")
    command = (film, "--finding", "covid", "--out", out)

    assert "exists with different content" in run_report(weights, *command).stderr
    assert out.read_text() == "mine"
    assert run_report(weights, *command, "--force").exit_code == 0
    assert "What the model says about this X-ray" in out.read_text()


def test_dicom_from_a_picture_is_refused_with_the_reason(weights: Path, film: Path, tmp_path: Path) -> None:
    result = run_report(weights, film, "--dicom", tmp_path / "objects")

    assert result.exit_code == 1
    assert "film.png is not a DICOM file" in result.stderr
    assert not (tmp_path / "objects").exists()


def test_dicom_objects_are_written_with_a_length(weights: Path, phantom: Radiograph, tmp_path: Path) -> None:
    source = tmp_path / "film.dcm"
    source.write_bytes(film_of(phantom))
    command = (source, "--finding", "covid", "--dicom", tmp_path / "objects")

    result = run_report(weights, *command, "--length", "10,10,40,50")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "objects").glob("*.dcm"))) == 5
    for length, sentence in (
        ("10,10", "give the pixels of its two ends"),
        ("0,0,9999,0", "Give points that lie on it"),
    ):
        refused = run_report(weights, *command, "--length", length)
        assert refused.exit_code == 1
        assert sentence in refused.stderr


_HEAD = "number,kind,length,text,points,mm_per_px,film\n"


def test_measurements_of_the_viewer_are_listed_and_drawn(
    weights: Path, film: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    key = read(film.read_bytes(), name=film.name).key
    table = tmp_path / "film-measurements.csv"
    rows = [
        f"1,length,5,,10.0 20.0; 110.0 20.0,0.5,{key}",
        f"2,arrow,,'=hilum,30.0 40.0; 60.0 80.0,0.5,{key}",
        f"3,lasso,,,1 1; 2 2; 3 1,0.5,{key}",
    ]
    table.write_text(_HEAD + "\n".join(rows))
    out = tmp_path / "case.pdf"

    result = run_report(weights, film, "--finding", "covid", "--out", out, "--measurements", table)

    assert result.exit_code == 0, result.output
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(out).pages).split())
    assert "1 Length 50.0 mm calibrated by hand" in text  # from its points, not from the column
    assert "2 Arrow =hilum" in text
    assert "1: 50.0 mm" in text
    assert "asso" not in text
    nameless = run_report(
        weights, film, "--finding", "covid", "--out", tmp_path / "no.html", "--measurements", table, "--deidentify"
    )
    assert "Texts, also those of arrows, are left out" in nameless.stderr
    html = (tmp_path / "no.html").read_text()
    assert "1: 50.0 mm" in html
    assert "hilum" not in html


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("number,length\n1,2\n", "has no column kind and no column points"),
        (_HEAD + "1,length,,,10 20,,\n", "line 2: 1 points are no length"),
        (_HEAD + "1,length,,,10 20; a b,,\n", "line 2: could not convert string to float"),
        (_HEAD + "1,circle,,,10 20; 1 2,,\n", "'circle' is no kind of measurement"),
        (_HEAD + "1,length,,,10 20; 1 nan,,\n", "a point is not on a film"),
        (_HEAD + "1,length,,,10 20; 1 2,-3,\n", "-3 mm is not a pixel size"),
        (_HEAD + "1,length,,,10 20; 1 2,,0123\n", "of the film with digest 0123, but film.png has digest"),
        (_HEAD + "1,length,,,10 20; 1 9000,,\n", "reaches to 1, 9000, but the film has 260 × 320 pixels"),
        (_HEAD + "1,text,,a,1 2,,a\n2,text,,a,1 2,,b\n", "rows of several films"),
        ("\xff\xfe", "is not a text file"),
    ],
)
def test_a_bad_table_of_measurements_gets_one_sentence(
    weights: Path, film: Path, tmp_path: Path, content: str, sentence: str
) -> None:
    table = tmp_path / "bad.csv"
    table.write_bytes(content.encode("latin-1"))

    result = run_report(weights, film, "--finding", "covid", "--out", tmp_path / "case.pdf", "--measurements", table)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "case.pdf").exists()


def test_the_report_lists_what_was_tried_and_the_similar_cases_of_a_run(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    """The log as `what-if --json` prints it; a run over five drawn films, of which the model sees one as the film."""
    runner, given = CliRunner(), ["--weights", str(weights)]
    tried = runner.invoke(cli, ["what-if", str(film), "--edit", "gamma:gamma=1.3", *given, "--anyway", "--json"])
    (tmp_path / "log.json").write_text(tried.output, encoding="utf-8")
    films = tmp_path / "films"
    films.mkdir()
    for seed in range(5):
        Image.fromarray(draw(seed=seed, height=320, width=260).radiograph.pixels).save(films / f"drawn-{seed}.png")
    run = ["cohort", str(films), "--checkpoint", "untrained", *given, "--out", str(tmp_path / "run"), "--anyway"]
    cohort = runner.invoke(cli, run)
    assert cohort.exit_code == 0, cohort.output

    beside: list[str | Path] = ["--what-if", tmp_path / "log.json", "--run", tmp_path / "run", "--anyway"]
    result = run_report(weights, film, *beside, "--out", tmp_path / "case.html")

    assert result.exit_code == 0, result.output
    text = (tmp_path / "case.html").read_text("utf-8")
    record = json.loads(tried.output)
    shift = f"{record['before'][record['finding']]:.2f} → {record['after'][record['finding']]:.2f}"
    assert "gamma:gamma=1.3" in text
    assert shift in text
    assert text.count("no label") == 4  # the fifth film is the film itself
    assert "the most similar features at the last stage" in text


def test_a_folder_that_is_no_run_is_refused_before_the_film_is_read(weights: Path, tmp_path: Path) -> None:
    result = run_report(weights, tmp_path / "gone.png", "--run", tmp_path / "empty", "--out", tmp_path / "case.html")

    assert result.exit_code == 1
    assert str(tmp_path / "empty") in result.stderr
    assert "gone.png" not in result.stderr


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b'[{"before": {"a": 1}}]', b"\xff"])
def test_a_bad_log_gets_one_sentence(weights: Path, film: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.json").write_bytes(content)
    result = run_report(weights, film, "--what-if", tmp_path / "log.json", "--out", tmp_path / "case.html")

    assert result.exit_code == 1
    assert "is not a log of what-if attempts" in result.output
