"""Bundles of films: ZIP archives, folders, discs; their claims are checked before they are opened."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadData, UnreadableFile
from core.image import bundle
from core.image.files import film_paths, read_file
from tests.image.test_dicom import dicom, ramp


def packed(**files: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


FILM = dicom(ramp())
DISC = packed(**{"IMAGES/0001": FILM, "IMAGES/0002.dcm": FILM[:300], "DICOMDIR": FILM, "readme.txt": b"x", ".DS": FILM})


def test_each_film_of_an_archive_is_given_by_itself_and_notes_are_not() -> None:
    assert [name for name, _ in bundle.films_in(DISC, name="disc.zip")] == [
        "disc.zip/IMAGES/0001",
        "disc.zip/IMAGES/0002.dcm",
    ]
    assert dict(bundle.films_in(DISC, name="disc.zip"))["disc.zip/IMAGES/0001"] == FILM


def test_a_path_that_leads_out_of_the_archive_stays_within() -> None:
    names = [name for name, _ in bundle.films_in(packed(**{"../../../etc/film.dcm": FILM}), name="a.zip")]

    assert names == ["a.zip/etc/film.dcm"]
    assert bundle.safe_path("C:\\..\\x\n.dcm") == "C:/x.dcm"


def test_an_entry_that_claims_more_than_deflate_can_hold_is_not_inflated() -> None:
    whole = bytearray(packed(**{"film.dcm": FILM}))
    at = whole.rindex(b"PK\x01\x02") + 24
    struct.pack_into("<I", whole, at, 1_100_000_000)

    ((_, refusal),) = bundle.films_in(bytes(whole), name="bomb.zip")
    assert isinstance(refusal, UnreadableFile)
    assert "claims to inflate to 1,100 megabytes" in str(refusal)


def test_an_archive_that_inflates_to_too_much_is_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 5000)
    with pytest.raises(UnreadableFile, match="gigabytes"):
        list(bundle.films_in(DISC, name="bomb.zip"))
    monkeypatch.setattr(bundle, "MOST_FILES", 2)
    with pytest.raises(UnreadableFile, match="5 files; at most 2 are opened together"):
        list(bundle.films_in(DISC, name="many.zip"))


def test_an_entry_that_inflates_beyond_the_bound_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bytearray(packed(**{"film.png": bytes(3_000_000)}))
    struct.pack_into("<I", whole, whole.rindex(b"PK\x01\x02") + 24, 1000)  # claims less than it holds

    ((_, refusal),) = bundle.films_in(bytes(whole), name="liar.zip")
    assert isinstance(refusal, UnreadableFile)


@pytest.mark.parametrize("cut", [10, 60, 400])
def test_a_damaged_archive_gets_one_sentence(cut: int) -> None:
    with pytest.raises(UnreadableFile, match="ZIP archive that is damaged or cut short"):
        list(bundle.films_in(DISC[:cut], name="cut.zip"))


def test_an_encrypted_film_says_so() -> None:
    whole = bytearray(packed(**{"film.dcm": FILM}))
    whole[whole.rindex(b"PK\x01\x02") + 8] |= 1

    ((_, refusal),) = bundle.films_in(bytes(whole), name="locked.zip")
    assert "is encrypted" in str(refusal)


def test_networks_and_documents_are_no_bundles() -> None:
    assert bundle.is_bundle(DISC)
    assert not bundle.is_bundle(packed(**{"model/data.pkl": b"x"}))
    assert not bundle.is_bundle(packed(**{"[Content_Types].xml": b"x"}))
    assert not bundle.is_bundle(FILM)


def test_an_archive_and_a_disc_are_opened_by_path(tmp_path: Path) -> None:
    (tmp_path / "disc.zip").write_bytes(DISC)
    folder = tmp_path / "disc"
    (folder / "IMAGES").mkdir(parents=True)
    (folder / "DICOMDIR").write_bytes(FILM)
    (folder / "IMAGES" / "0001").write_bytes(FILM)

    archived, skipped = film_paths([str(tmp_path / "disc.zip")])
    assert [Path(path).name for path in archived] == ["0001", "0002.dcm"]
    assert skipped == 3
    assert np.array_equal(read_file(archived[0]).pixels, ramp())
    with pytest.raises(UnreadableFile, match="is a DICOM file"):
        read_file(archived[1])
    assert film_paths([str(folder / "DICOMDIR")]) == ([str(folder / "IMAGES" / "0001")], 1)
    assert film_paths([str(folder)]) == ([str(folder / "IMAGES" / "0001")], 1)


def test_a_folder_with_nothing_but_an_index_has_no_film(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(FILM)

    with pytest.raises(BadData, match="There is no radiograph"):
        film_paths([str(tmp_path)])
