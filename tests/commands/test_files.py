"""Files and folders as a command gets them."""

import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.commands import files
from core.errors import BadData, BadSetting
from core.types import Radiograph


def film(path: Path, grey: int = 90) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((40, 40), grey, np.uint8)
    pixels[10:30, 10:30] = 200
    Image.fromarray(pixels).save(path, "PNG")
    return str(path)


def shape(path: str, radiograph: Radiograph) -> Iterator[files.Record]:
    yield {"path": path, "height": radiograph.pixels.shape[0]}


def test_a_folder_is_walked_in_order_and_other_files_are_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [film(tmp_path / name) for name in ("b.png", "a/2.png", "a/1", "a/b/c.png")]
    film(tmp_path / ".hidden.png")
    film(tmp_path / ".git" / "film.png")
    (tmp_path / "notes.csv").write_text("id,label\n")

    assert files.film_paths([str(tmp_path)]) == [wanted[0], wanted[2], wanted[1], wanted[3]]
    assert capsys.readouterr().err == "Skipped 1 file: not a picture or DICOM.\n"


def test_a_file_in_a_folder_with_the_ending_of_a_film_is_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "empty.PNG").write_bytes(b"")

    assert files.film_paths([str(tmp_path)]) == [str(tmp_path / "empty.PNG")]


def test_a_file_named_directly_is_never_skipped(tmp_path: Path) -> None:
    assert files.film_paths(["missing.txt", "-"]) == ["missing.txt", "-"]


def test_a_folder_without_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="There is no radiograph in"):
        files.film_paths([str(tmp_path)])


def test_a_folder_within_that_may_not_be_opened_stops_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "open" / "1.png")
    film(tmp_path / "shut" / "2.png")
    real = os.scandir

    def scandir(path: str) -> object:  # the tests may run as root, who may open everything
        if str(path).endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(BadData, match=r"The folder .*shut cannot be opened: Permission denied\."):
        files.film_paths([str(tmp_path)])


def test_a_bad_file_is_reported_in_its_place_and_the_others_continue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.png").write_text("not a film")
    good = film(tmp_path / "z.png")
    with pytest.raises(SystemExit) as end:
        files.each([str(tmp_path / "text.png"), str(tmp_path / "none"), good], shape, show=None, doing="looking")

    text, none, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert end.value.code == 1
    assert "plain text" in text["error"]
    assert none["error"] == f"There is no file {tmp_path / 'none'}."
    assert last == {"path": good, "height": 40}


def test_a_folder_in_place_of_a_film_is_reported_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        files.each([str(tmp_path)], shape, show=None, doing="looking")

    record = json.loads(capsys.readouterr().out)["error"]
    assert record == f"{tmp_path} is a folder, but one film was expected. Give a file in it."


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("count", "bar"), [(3, False), (4, True)])
def test_many_films_get_a_bar_on_stderr_and_nothing_of_it_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int, bar: bool
) -> None:
    names = [film(tmp_path / f"{index}.png", grey=10 * index) for index in range(count)]
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    files.each(names, shape, show=None, doing="looking")

    assert ("looking: 100%" in screen.getvalue()) is bar
    assert [json.loads(line)["path"] for line in capsys.readouterr().out.splitlines()] == names


def test_a_folder_that_can_be_written_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path, tmp_path / "new" / "units", Path("here"), None):
        files.refuse_out(out)
    for out in (tmp_path / "new" / "parts.png", Path("PARTS.PNG")):
        files.refuse_out(out, picture=True)


def test_what_can_never_be_written_is_refused_at_once(tmp_path: Path) -> None:
    inside = Path(film(tmp_path / "film.png")) / "new"
    with pytest.raises(BadData, match=r"cannot be written \(.*film\.png is not a folder\)\. Give another --out\."):
        files.refuse_out(inside / "units")
    with pytest.raises(BadData, match=r"film\.png is not a folder"):
        files.refuse_out(inside / "parts.png", picture=True)
    with pytest.raises(BadSetting, match=r"is a PNG file, but --out is parts\.txt\. Give a name that ends in \.png\."):
        files.refuse_out(tmp_path / "parts.txt", picture=True)


def test_a_folder_that_may_not_be_written_is_refused_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("who may write anywhere is refused nowhere")
    with pytest.raises(BadData, match=r"units cannot be written \(you may not write in "):
        files.refuse_out(tmp_path / "new" / "units")


def test_a_full_disk_is_one_sentence_and_leaves_no_part_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write_half)

    with pytest.raises(BadData, match=r"case\.pdf cannot be written .No space left on device.\. Give another --out"):
        files.write({tmp_path / "case.pdf": b"1234"})
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_there_is_no_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files.each([film(tmp_path / f"{index}.png") for index in range(6)], shape, show=None, doing="looking")

    assert capsys.readouterr().err == ""
