"""Tables of films: what they may say, and every way in which they are refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadData
from core.evaluate.manifest import Row, known, mask, read_manifest, row_radiograph, truth
from tests.evaluate import drawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one film, 16 wide and 18 high; a pixel's grey is ten times its row plus its column."""
    (tmp_path / "set").mkdir()
    rows, columns = np.mgrid[:18, :16]
    Image.fromarray((10 * rows + columns).astype(np.uint8)).save(tmp_path / "set" / "a.png")
    return tmp_path / "set"


def _manifest(folder: Path, text: str) -> Path:
    (folder / "films.csv").write_text(text)
    return folder / "films.csv"


def test_file_and_label_are_enough(folder: Path) -> None:
    (row,) = read_manifest(_manifest(folder, "file,label\na.png,covid\n"))

    assert row == Row(file=folder / "a.png", label="covid", id="a.png", patient="a.png")
    assert np.isnan(row.years)


def test_all_columns_are_read_and_mask_is_another_name_for_lungs(folder: Path) -> None:
    text = "id,file,label,patient,source,age,sex,view,split,box,mask\n1,a.png,x|y,p,s,40-45,F,PA,test,0 1 3 4,a.png\n"
    (row,) = read_manifest(_manifest(folder, text))

    assert (row.id, row.patient, row.source, row.sex, row.view, row.split) == ("1", "p", "s", "F", "PA", "test")
    assert (row.labels, row.years, row.box, row.lungs) == (("x", "y"), 40, (0, 1, 3, 4), folder / "a.png")


def test_a_label_of_tier_a_was_read_by_a_radiologist(folder: Path) -> None:
    rows = read_manifest(_manifest(folder, "id,file,label,subtype\n1,a.png,x,A rsna-normal\n2,a.png,x,B text\n"))

    assert [row.by_radiologist for row in rows] == [True, False]


def test_a_folder_stands_for_its_cxr_csv(folder: Path) -> None:
    (folder / "cxr.csv").write_text("file,label\na.png,covid\n")

    assert read_manifest(folder)[0].file == folder / "a.png"


def test_film_and_mask_are_cut_to_the_box(folder: Path) -> None:
    Image.fromarray(np.array([[0, 1] * 8] * 18, np.uint8)).save(folder / "m.png")
    (row,) = read_manifest(_manifest(folder, "file,label,box,lesions\na.png,covid,1 1 3 3,m.png\n"))

    assert row_radiograph(row).pixels.tolist() == [[11, 12], [21, 22]]
    result = mask(row, "lesions")
    assert result is not None
    assert result.tolist() == [[True, False], [True, False]]
    assert mask(row, "lungs") is None


def test_lesion_boxes_beside_the_table_stand_for_a_mask(folder: Path) -> None:
    table = _manifest(folder, "id,file,label,box\n7,a.png,pneumonia,1 1 5 5\n8,a.png,normal,\n")
    (folder / "boxes.csv").write_text("id,kind,x0,y0,x1,y1\n7,x,2.4,3.0,4.2,9\n7,x,0.0,0.0,1.5,1.6\n")
    first, second = read_manifest(table)
    lesions = mask(first, "lesions")

    assert lesions is not None
    assert lesions.astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]
    assert mask(second, "lesions") is None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("7,9,3,4,5", r"line 2: the box 9 3 4 5 of 7 is empty or begins outside its film"),
        ("7,-3,3,4,5", r"the box -3 3 4 5 of 7 is empty or begins outside"),
        ("7,1,3,4,", r"line 2: the box of 7 is not four numbers"),
        ("7,1,3,4,40", r"The lesion box 1 3 4 40 of 7 does not lie in its 16 x 18 px"),
    ],
)
def test_a_lesion_box_outside_its_film_is_refused(folder: Path, line: str, sentence: str) -> None:
    table = _manifest(folder, "id,file,label\n7,a.png,pneumonia\n")
    (folder / "boxes.csv").write_text(f"id,x0,y0,x1,y1\n{line}\n")

    with pytest.raises(BadData, match=sentence):
        mask(read_manifest(table)[0], "lesions")


def test_the_truth_is_a_column_for_each_finding() -> None:
    rows = [Row(Path("a"), "x|y"), Row(Path("b"), "No Finding"), Row(Path("c"), ""), Row(Path("d"), "y")]

    assert truth(rows, ("x", "y"), multi_label=True).tolist() == [[1, 1], [0, 0], [0, 0], [0, 1]]
    assert truth(rows[3:], ("x", "y"), multi_label=False).tolist() == [[0, 1]]
    with pytest.raises(BadData, match=r"is labelled 'x\|y', but this network gives each film exactly one of x, y"):
        truth(rows, ("x", "y"), multi_label=False)


def test_only_known_leaves_the_others_out() -> None:
    rows = [Row(Path("a"), "x"), Row(Path("b"), "z"), Row(Path("c"), "")]

    assert [row.label for row in known(rows, ("x", "y"), multi_label=False)] == ["x"]
    assert [row.label for row in known(rows, ("x", "y"), multi_label=True)] == ["x", ""]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file\na.png\n", "lacks the column label; it needs file, label and may have id, patient"),
        ("", "lacks the column file and label"),
        ("file;label\na.png;normal\n", "has semicolons between its columns. Save it with commas"),
        ("file,label\n", "has a header but no rows"),
        ("file,label\n,covid\n", r"films\.csv line 2 names no file"),
        ("file,label\nb.png,covid\n", r"line 2: there is no file b\.png beside the manifest"),
        ("file,label\n/etc/hostname,covid\n", "line 2: /etc/hostname is absolute"),
        ("file,label\nC:\\a.png,covid\n", "is absolute"),
        ("file,label\n../outside.png,covid\n", r"\.\./outside\.png is outside the manifest's folder"),
        ("file,label\nlink.png,covid\n", "link.png is outside the manifest's folder"),
        ("file,label,lungs\na.png,covid,../outside.png\n", "is outside the manifest"),
        ("file,label,lesions\na.png,covid,none.png\n", "there is no file none.png"),
        ("file,label,box\na.png,covid,0 0 3\n", "box is '0 0 3'; it must be x0 y0 x1 y1"),
        ("file,label,patient,split\na.png,x,p,train\na.png,x,p,test\n", "Patient p is in train and in test"),
        ("file,label\na.png,x\na.png,z|q\n", "1 film has a label that the card does not know: 'q', 'z'; it knows x, y"),
    ],
)
def test_a_bad_manifest_is_one_sentence(folder: Path, text: str, sentence: str) -> None:
    (folder.parent / "outside.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "link.png").symlink_to(folder.parent / "outside.png")

    with pytest.raises(BadData, match=sentence):
        read_manifest(_manifest(folder, text), findings=("x", "y"))


def test_bytes_that_are_no_text_are_reported(folder: Path) -> None:
    (folder / "films.csv").write_bytes(b"file,label\n\xff\xfe\n")

    with pytest.raises(BadData, match="is not a CSV table in UTF-8"):
        read_manifest(folder / "films.csv")


def test_a_missing_table_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"There is no films\.csv in"):
        read_manifest(tmp_path / "films.csv")
    with pytest.raises(BadData, match=r"There is no cxr\.csv or films\.csv in"):
        read_manifest(tmp_path)
    with pytest.raises(
        BadData, match=r"There is no folder .*films\. Give a CSV table, or a folder that holds cxr\.csv"
    ):
        read_manifest(tmp_path / "films")
    with pytest.raises(BadData, match=r"There is no folder .*gone\. Give"):
        read_manifest(tmp_path / "gone" / "films.csv")


def test_a_film_that_is_none_a_box_outside_and_a_mask_of_another_size_are_reported(folder: Path) -> None:
    (folder / "text.png").write_text("no film")
    Image.fromarray(np.ones((20, 20), np.uint8)).save(folder / "small.png")

    with pytest.raises(BadData, match="not a radiograph that can be read"):
        row_radiograph(Row(folder / "text.png", "x", id="1"))
    with pytest.raises(BadData, match="The box 0 0 9 20 of 1 does not lie in its 16 x 18 px"):
        row_radiograph(Row(folder / "a.png", "x", id="1", box=(0, 0, 9, 20)))
    with pytest.raises(BadData, match=r"The lungs mask small\.png is 20 x 20 px, its film 1 16 x 18 px"):
        mask(Row(folder / "a.png", "x", id="1", lungs=folder / "small.png"), "lungs")


def test_a_drawn_set_is_a_manifest(tmp_path: Path) -> None:
    rows = read_manifest(drawn.write(tmp_path, 6), findings=("pneumonia", "normal"))

    assert [row.split for row in rows] == ["test"] * 2 + ["val"] * 4
    assert row_radiograph(rows[0]).pixels.shape == (drawn.SIDE, drawn.SIDE)


def test_the_real_set_is_a_manifest(real_films: Path) -> None:
    rows = read_manifest(real_films, findings=("covid", "pneumonia", "normal"))

    assert len(rows) == 7951
    assert sum(row.lungs is not None for row in rows) == 3235
    assert row_radiograph(rows[0]).pixels.shape == (192, 256)
