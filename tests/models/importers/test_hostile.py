"""Files made to run code, to fill the memory, to bring Python down or to mislead: each is refused with a sentence.

A canary is a file that exists as soon as any of the code in them runs.
"""

import collections
import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import BadCheckpoint, BadSetting, Unsafe, UserError
from core.models import library
from core.models.importers import inspect
from core.models.operators import torchvision
from tests.models.importers.files import prefixed, state_network

_RUN = "open(__import__('os').environ['CANARY'], 'w').close()"


class Calls:
    """Pickles into a call of any function with any arguments."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def _weights() -> dict[str, Any]:
    return {f"layer{number}.weight": torch.zeros(2) for number in range(4)}


def _saved(held: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(held, file, **options)
    return file.getvalue()


def _zip(entries: dict[str, bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def _with_pickle(data: bytes) -> bytes:
    return _zip({"archive/data.pkl": data, "archive/version": b"3\n"})


def _safetensors(header: Any, tensors: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + tensors


def _entry(start: int, stop: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [(stop - start) // 4], "data_offsets": [start, stop]}


def _os_system_by_hand() -> bytes:
    return b"cposix\nsystem\n(S'touch $CANARY'\ntR."


def _named_while_it_runs() -> bytes:
    """STACK_GLOBAL with a module's name that comes from the memo."""
    return b"\x80\x04\x8c\x05posix\x94h\x00\x8c\x06system\x93\x8c\x0dtouch $CANARY\x85R."


def _tuples_in_tuples() -> bytes:
    """A dictionary whose key is a million tuples deep: Python falls over when it hashes it."""
    return _with_pickle(b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s.")


def _dictionaries_in_dictionaries() -> bytes:
    return _with_pickle(b"\x80\x02" + b"}X\x01\x00\x00\x00a" * 100_000 + b"}" + b"s" * 100_000 + b".")


def _a_billion_laughs() -> bytes:
    """Each list holds the one before ten times: small in memory, without end to who walks through it."""
    steps = b"".join(b"](" + b"h" + bytes([n]) + (b"h" + bytes([n])) * 9 + b"eq" + bytes([n + 1]) for n in range(30))
    return _with_pickle(b"\x80\x02]q\x00" + steps + b".")


def _wants_a_terabyte(legacy: bool) -> bytes:
    """A stretch of memory far larger than the file, which torch's older reader makes before it looks for it."""
    data = _saved({"a": torch.zeros(7), "b": torch.zeros(7)}, _use_new_zipfile_serialization=not legacy)
    if legacy:
        return data.replace(b"K\x07Nt", b"\x8a\x06\x00\x00\x00\x00\x00\x01Nt")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in entries if name.endswith("data.pkl"))
    entries[name] = entries[name].replace(b"K\x07t", b"\x8a\x06\x00\x00\x00\x00\x00\x01t")
    return _zip(entries)


def _says_more_than_it_has() -> bytes:
    """One number, described as a tensor of a million times a million."""
    return _saved({"a": torch.zeros(1).expand(10**6, 10**6), "b": torch.zeros(2)})


def _an_old_archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return file.getvalue()


def _a_program() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch moves to torch.export, but such files still exist
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), file)  # type: ignore[no-untyped-call]
    return file.getvalue()


def _quantised() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves quantisation elsewhere
        weight = torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)
        return _saved({**_weights(), "x": weight})


def _twice() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("archive/data.pkl", _os_system_by_hand())
    return file.getvalue()


def _link_in_an_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("archive/data.pkl")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


def _resnet(**changed: Any) -> bytes:
    state: dict[str, Any] = dict(state_network("resnet18", 2).state_dict())
    state["layer1.0.conv1.weight"] = changed["weight"](state["layer1.0.conv1.weight"])
    return _saved(state)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    # code
    "os.system": (lambda: _saved({**_weights(), "x": Calls(os.system, "touch $CANARY")}), r"would run posix\.system"),
    "eval": (lambda: _saved({**_weights(), "x": Calls(eval, _RUN)}), r"would run (builtins|__builtin__)\.eval"),
    "exec, legacy": (
        lambda: _saved({"x": Calls(exec, _RUN)}, _use_new_zipfile_serialization=False),
        r"would run (builtins|__builtin__)\.exec",
    ),
    "bare pickle": (lambda: pickle.dumps(Calls(eval, _RUN)), r"would run builtins\.eval"),
    "oldest pickle": (_os_system_by_hand, r"would run posix\.system"),
    "name made up": (_named_while_it_runs, r"would run posix\.system"),
    "cut behind the call": (lambda: _os_system_by_hand()[:-1], r"would run posix\.system"),
    "a function of numpy": (lambda: _saved({"x": Calls(np.load, "x.npy")}), r"would run numpy\.load"),
    "no weights, numpy": (lambda: _saved({"x": np.float64(1)}), "holds no dictionary of weights, only x"),
    "a name beside plain data": (
        lambda: _saved({**_weights(), "a": np.float64(1), "x": Calls(os.system, "touch $CANARY")}),
        r"would run posix\.system",
    ),
    "memory by bytearray": (
        lambda: _saved({"x": Calls(bytearray, 10**12)}),
        r"would run (builtins|__builtin__)\.bytearray",
    ),
    "counter": (lambda: _saved({"x": collections.Counter("aab")}), "holds no dictionary of weights, only x"),
    "whole module": (
        lambda: _saved(torchvision.models.resnet18(num_classes=2)),
        r"a whole network as a Python program, not its weights.*torchvision\.models\.resnet\.ResNet",
    ),
    "TorchScript": (_a_program, r"is a TorchScript program.*code/"),
    "old tar": (_an_old_archive, "is a tar archive: .* torch before 2017"),
    "protocol 4": (lambda: _saved(_weights(), pickle_protocol=4), "pickle protocol 4"),
    # memory and depth
    "zip bomb": (
        lambda: _zip({"a/data.pkl": pickle.dumps({}, 2), "a/data/0": bytes(10**8)}, compression=zipfile.ZIP_DEFLATED),
        "2 packed files, 100 MB when unpacked",
    ),
    "a million entries": (
        lambda: _zip({f"a/{number}": b"" for number in range(20_001)}),
        "is an archive of 20,001 files",
    ),
    "tuples in tuples": (_tuples_in_tuples, "packs tuples into tuples more than 32 deep"),
    "dictionaries in dictionaries": (_dictionaries_in_dictionaries, "holds no dictionary of weights, only a"),
    "a billion laughs": (_a_billion_laughs, "holds a list, not a dictionary of weights"),
    "a terabyte": (lambda: _wants_a_terabyte(False), "asks for 8,796 GB of memory"),
    "a terabyte, legacy": (lambda: _wants_a_terabyte(True), "asks for 8,796 GB of memory"),
    "one number, many times": (_says_more_than_it_has, "1 numbers of the file make a tensor of 1000000 × 1000000"),
    "header of 10 GB": (lambda: _safetensors({}, length=10**10), "says that its table of contents has 10 GB"),
    "header nested": (lambda: _safetensors(b'{"a":' + b"[" * 100_000), "table of contents nested without end"),
    "header of many": (
        lambda: _safetensors({f"{number}": _entry(0, 0) for number in range(20_001)}),
        "lists 20,001 tensors",
    ),
    # parts that do not fit each other
    "header cut": (lambda: _safetensors(b'{"a": {"dtype"'), "garbled table of contents"),
    "header no object": (lambda: _safetensors(b'{"a": 3}'), "garbled table of contents"),
    "name twice": (
        lambda: _safetensors(b'{"a": {"dtype":"F32","shape":[1],"data_offsets":[0,4]}, "a": 1}', bytes(4)),
        "it contains a name twice",
    ),
    "tensors overlap": (
        lambda: _safetensors({"a": _entry(0, 8), "b": _entry(4, 12)}, bytes(12)),
        "the tensor b overlaps another",
    ),
    "tensors behind the end": (lambda: _safetensors({"a": _entry(0, 400)}, bytes(4)), "should hold 400 bytes"),
    "something appended": (lambda: _safetensors({"a": _entry(0, 4)}, bytes(9)), "or something was appended"),
    "unknown number type": (
        lambda: _safetensors({"a": {"dtype": "F7", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        "is broken or was cut short",
    ),
    "truncated zip": (lambda: _saved(_weights())[:-300], "is broken or was cut short"),
    "truncated legacy": (
        lambda: _saved(_weights(), _use_new_zipfile_serialization=False)[:-5],
        "is broken or was cut short",
    ),
    "names that lead out": (lambda: _zip({"../../evil": b"", "a/data.pkl": b""}), r"lead out of their folder: \.\./"),
    "names of Windows": (lambda: _zip({"a/data.pkl": b"", "C:\\evil": b""}), "lead out of their folder"),
    "link in an archive": (_link_in_an_archive, r"holds symbolic links: archive/data\.pkl"),
    "entry twice": (_twice, "several files of one name"),
    "some other zip": (lambda: _zip({"word/document.xml": b"<x/>"}), "not one that torch.save wrote: word/document"),
    # no weights
    "empty": (lambda: b"", "is empty: 0 bytes"),
    "text": (lambda: b"epoch,loss\n1,0.5\n", "is a text file"),
    "HTML": (lambda: b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
    "LFS pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "is a Git LFS pointer",
    ),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(99), "is compressed"),
    "noise": (lambda: bytes(range(128, 256)) * 9, "is of an unknown kind"),
    "one tensor": (lambda: _saved(torch.zeros(3)), "holds one tensor without a name"),
    "a list": (lambda: _saved([torch.zeros(3)]), "holds a list, not a dictionary"),
    "no tensors": (lambda: _saved({"epoch": 3, "\x1b[31mred": 1}), r"only epoch, \?\[31mred"),
    "strange names": (
        lambda: _saved(prefixed(_weights(), "../../\n<script>\x1b[2J")),
        r"such as \.\./\.\./\?<script>\?\[2Jlayer0\.weight",
    ),
    "NaN": (lambda: _resnet(weight=lambda old: old * float("nan")), r"holds NaN or infinite numbers in layer1\.0"),
    "whole numbers": (lambda: _resnet(weight=lambda old: old.to(torch.int8)), r"weights as int8 \(layer1"),
    "quantised": (_quantised, "was quantised: its weights are whole numbers with scales"),
    "complex numbers": (lambda: _resnet(weight=lambda old: old.to(torch.complex64)), "weights as complex64"),
    "other shapes": (lambda: _resnet(weight=lambda old: old[:, :3]), "is 64 × 3 × 3 × 3, not 64 × 64 × 3 × 3"),
}


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "canary"
    monkeypatch.setenv("CANARY", str(path))
    monkeypatch.setenv("LIGHTBOX_HOME", str(tmp_path / "home"))
    return path


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 20


@pytest.mark.parametrize(
    ("kind", "ending"), [(kind, (".pt", ".safetensors", ".png")[place % 3]) for place, kind in enumerate(HOSTILE)]
)
def test_a_hostile_file_gets_its_sentence_and_runs_nothing_and_leaves_nothing(
    kind: str, ending: str, canary: Path, tmp_path: Path
) -> None:
    """Whatever it calls itself: the ending means nothing."""
    make, sentence = HOSTILE[kind]
    path = tmp_path / f"weights{ending}"
    path.write_bytes(make())

    with pytest.raises(BadCheckpoint, match=sentence) as refused:
        inspect(path)

    text = str(refused.value)
    assert text.startswith(f"weights{ending} ")
    assert text.endswith(".")
    assert text.isprintable()
    assert not canary.exists()
    assert sorted(tmp_path.iterdir()) == [path]


def test_the_canary_sings_where_a_file_is_opened_without_care(canary: Path) -> None:
    """Or the test above could not fail."""
    for data in (pickle.dumps(Calls(eval, _RUN)), _named_while_it_runs(), _os_system_by_hand()):
        pickle.loads(data)
        assert canary.exists()
        canary.unlink()


@pytest.mark.parametrize("kind", ["os.system", "whole module", "TorchScript", "zip bomb", "a terabyte"])
def test_what_would_run_or_fill_the_memory_is_distinguished_from_what_is_broken(
    kind: str, canary: Path, tmp_path: Path
) -> None:
    (tmp_path / "w.pt").write_bytes(HOSTILE[kind][0]())

    with pytest.raises(Unsafe):
        inspect(tmp_path / "w.pt")


def test_a_link_that_leads_nowhere_or_in_a_circle_or_to_a_device_is_reported(tmp_path: Path) -> None:
    (tmp_path / "nowhere.pt").symlink_to("gone")
    (tmp_path / "circle.pt").symlink_to("circle.pt")
    (tmp_path / "zeros.pt").symlink_to("/dev/zero")
    (tmp_path / "folder.pt").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.pt")

    for name, sentence in (
        ("nowhere.pt", "is a symbolic link that leads nowhere"),
        ("circle.pt", "is a symbolic link that leads nowhere"),
        ("zeros.pt", "is a device or a pipe"),
        ("folder.pt", "is a folder"),
        ("pipe.pt", "is a device or a pipe"),
        ("gone.pt", "There is no file gone.pt"),
    ):
        with pytest.raises(BadCheckpoint, match=sentence):
            inspect(tmp_path / name)


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    """Caches of weights are made of such links."""
    (tmp_path / "blob").write_bytes(_saved(state_network("resnet18", 2).state_dict()))
    (tmp_path / "w.pt").symlink_to("blob")

    assert inspect(tmp_path / "w.pt").architecture == "resnet18"


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "a/b", "a\\b", "..", ".hidden", "", "con", "NUL.txt", "a\0b", "a\nb", "é", "x" * 65, "a."],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str, canary: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be the name of a checkpoint"):
        library.refuse_name(name)

    assert not library.folder().exists()


def test_errors_are_for_the_person_at_the_screen() -> None:
    assert issubclass(Unsafe, UserError)
