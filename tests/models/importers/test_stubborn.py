"""Files and paths that once kept the importer busy, or ended in a traceback."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from core.errors import BadCheckpoint, UserError
from core.models.importers import inspect
from core.models.importers.pickle_stream import _called, _Name, _Storage, _Trap, _tuple
from core.models.importers.tensors import Contents, read
from tests.models.importers.files import state_network, stored


def _table(path: Path, offsets: object) -> Path:
    text = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": offsets}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return path


@pytest.mark.parametrize("offsets", [[0, 4, 5], [0], [0, None], [0, "4"], [False, 4], 7])
def test_offsets_that_are_no_two_numbers_are_reported(tmp_path: Path, offsets: object) -> None:
    with pytest.raises(BadCheckpoint, match="has a garbled table of contents"):
        inspect(_table(tmp_path / "a.safetensors", offsets))


def test_numbers_that_nobody_can_count_to_are_not_multiplied() -> None:
    storage, huge = _Storage(4), 1 << 5_000_000
    arguments = _tuple([storage, 0, _tuple([huge, huge]), _tuple([1, 1])])

    with pytest.raises(_Trap, match="an impossible tensor"):
        _called(_Name("torch._utils._rebuild_tensor_v2"), arguments)


def test_an_encrypted_archive_is_reported(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))
    sealed = data.getvalue().replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    assert sealed != data.getvalue()
    (tmp_path / "a.pt").write_bytes(sealed)

    with pytest.raises(BadCheckpoint, match=r"a\.pt is broken"):
        inspect(tmp_path / "a.pt")


def test_a_string_of_a_length_that_no_memory_has_is_reported(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02\x8d" + struct.pack("<Q", 2**62) + b"short")
    (tmp_path / "a.pt").write_bytes(data.getvalue())

    with pytest.raises(UserError, match=r"a\.pt"):
        inspect(tmp_path / "a.pt")


def test_layers_numbered_in_strange_digits_are_reported(tmp_path: Path) -> None:
    state = dict(state_network("resnet18", 3).state_dict())
    for name in ("²", "9" * 5000):
        state[f"classifier.{name}.weight"] = torch.zeros(5, 512)

    with pytest.raises(BadCheckpoint, match="more than one last layer"):
        inspect(stored(state, tmp_path / "a.pt"))


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_path_that_cannot_be_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadCheckpoint, match="There is no file"):
        inspect(tmp_path / name)


def test_a_file_that_is_replaced_while_it_is_read_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(state_network("resnet18", 3).state_dict(), tmp_path / "a.pt")

    def replaced(path: Path, name: str) -> Contents:
        contents = read(path, name)
        path.write_bytes(b"another file")
        return contents

    monkeypatch.setattr("core.models.importers.candidate.read", replaced)
    with pytest.raises(BadCheckpoint, match="was changed while it was read"):
        inspect(path)
