from pathlib import Path

import pytest

from core.errors import BadData
from dashboard import paths


def test_who_shares_a_server_names_no_path_on_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "local", lambda: True)
    assert paths.typed(str(tmp_path)) == tmp_path
    monkeypatch.undo()

    monkeypatch.setenv("LIGHTBOX_SHARED", "1")
    assert not paths.local()
    with pytest.raises(BadData, match="only be used on the computer that runs Lightbox"):
        paths.typed(str(tmp_path))


@pytest.mark.parametrize("text", ["~nobody-of-that-name/films", "a\0b", "x" * 300])
def test_an_invalid_path_gets_a_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(paths, "local", lambda: True)

    with pytest.raises(BadData, match="is not a path on this machine"):
        paths.typed(text)
