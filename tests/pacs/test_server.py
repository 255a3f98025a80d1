"""Configured servers, from a file and the environment; their secrets never appear in text."""

from pathlib import Path

import pytest

from core.errors import BadSetting, UnknownName
from core.pacs import server
from core.pacs.server import known_servers, server_named

SECRETS = """
[pacs.ward]
url = "https://pacs.example.org/dicom-web/"
user = "reader"
password = "hidden-1"
seconds = 5

[pacs.archive]
url = "http://localhost:8042/dicom-web"
"""


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.toml"
    path.write_text(SECRETS, encoding="utf-8")
    return path


def test_a_file_names_servers_and_the_environment_counts_more(secrets: Path) -> None:
    environment = {
        "LIGHTBOX_PACS_WARD_TOKEN": "hidden-2",
        "LIGHTBOX_PACS_NIGHT_SHIFT_URL": "https://night.example.org",
        "LIGHTBOX_PACS_WARD_COLOUR": "not a setting",
        "OTHER": "x",
    }
    servers = known_servers(environment, [secrets])

    assert list(servers) == ["archive", "night_shift", "ward"]
    ward = servers["ward"]
    assert (ward.url, ward.seconds, ward.token) == ("https://pacs.example.org/dicom-web", 5.0, "hidden-2")
    assert "hidden" not in f"{ward} {ward!r}"


def test_the_nearer_file_counts_more(secrets: Path, tmp_path: Path) -> None:
    nearer = tmp_path / "nearer.toml"
    nearer.write_text('[pacs.ward]\nuser = "other"\n', encoding="utf-8")

    ward = known_servers({}, [secrets, tmp_path / "absent.toml", nearer])["ward"]

    assert (ward.user, ward.password) == ("other", "hidden-1")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ('url = "ftp://x"', "no usable address"),
        ("user = 'a'", "no usable address"),
        ('url = "https://a:hidden@x/"', "more than host and path"),
        ('url = "https://x/?key=hidden"', "more than host and path"),
        ('url = "http://pacs.example.org"\npassword = "hidden"', "unencrypted"),
        ('url = "https://x"\ncertificates = "/no/such.pem"', "not in /no/such.pem"),
        ('url = "https://x"\nseconds = 0', "above 0"),
        ('url = "https://x"\nseconds = "soon"', "above 0"),
        ('url = "https://x"\nport = 1', "unknown settings port"),
    ],
)
def test_a_wrong_entry_is_one_sentence_without_its_secret(tmp_path: Path, entry: str, sentence: str) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text(f"[pacs.ward]\n{entry}\n", encoding="utf-8")

    with pytest.raises(BadSetting, match=sentence) as caught:
        known_servers({}, [path])
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("text", ["[pacs", "pacs = 3", '[pacs]\nward = "https://x"', "password = hidden"])
def test_a_file_that_is_no_table_of_servers_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BadSetting, match=r"TOML|is not a table of servers") as caught:
        known_servers({}, [path])
    assert "hidden" not in str(caught.value)


def test_an_unknown_server_lists_those_there_are(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "known_servers", lambda: known_servers({}, [secrets]))
    assert server_named("WARD").name == "ward"
    with pytest.raises(UnknownName, match="Set up: archive, ward"):
        server_named("nowhere")

    monkeypatch.setattr(server, "known_servers", dict)
    with pytest.raises(UnknownName, match="No PACS is set up"):
        server_named("ward")
