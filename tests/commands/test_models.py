"""`models` and `methods`."""

import json
import re
from pathlib import Path

from click.testing import CliRunner

from core.__main__ import cli
from core.commands.method_settings import OPTIONS_OF_EXPLAIN, flag
from core.explain.method import by_family, methods
from core.models.checkpoints import complete, read_card

ESTIMATE = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 120}


def copied(weights: Path, folder: Path, name: str = "copy") -> Path:
    """A folder with the card of "untrained" and an empty weights file: listing needs no more."""
    card = json.loads((weights / "untrained.json").read_text())
    (folder / f"{name}.json").write_text(json.dumps(card))
    (folder / f"{name}.safetensors").write_bytes(b"")
    return folder


def test_models_shows_internal_test_and_hospitals_left_out_side_by_side(weights: Path, tmp_path: Path) -> None:
    metrics = {
        "test": {"n": 120, "macro_auc": ESTIMATE, "accuracy": ESTIMATE},
        "other_source": [
            {"source": "b", "n": 120, "macro_auc": {**ESTIMATE, "value": 0.85}},
            {"source": "a", "n": 44, "macro_auc": {"value": 0.77, "low": 0.61, "high": 0.9, "n": 44}},
            {"source": "c", "n": 30, "macro_auc": None},
        ],
        "other_source_recipe": {"epochs": [3, 1], "sizes": [64]},
        "other_source_mean": {"macro_auc": {"value": 0.81, "low": 0.7, "high": 0.9, "n": 164}, "sources": ["b", "a"]},
    }
    complete("copy", {"metrics": metrics, "date": "2026-11-20"}, copied(weights, tmp_path))
    result = CliRunner().invoke(cli, ["models", "--weights", str(tmp_path)])

    row = result.stdout.splitlines()[1]
    assert row.startswith("copy  DenseNet-121  0.90 (0.80–0.95, n = 120)  0.81 (0.70–0.90, n = 164) lowest a, 0.77  ")
    assert re.split(" {2,}", row)[4:] == ["0.90 (0.80–0.95, n = 120)", "not measured", "0 MB", "2026-11-20"]
    assert result.stdout.splitlines()[2:] == [
        "* Not of these weights, which saw these hospitals: each of another network, trained without it for 4 "
        "epochs at 64 px."
    ]


def test_models_says_what_was_not_measured(weights: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "--weights", str(copied(weights, tmp_path))])

    assert re.split(" {2,}", result.stdout.splitlines()[1]) == [
        "copy",
        "DenseNet-121",
        "–",
        "not measured",
        "–",
        "not measured",
        "0 MB",
        "-",
    ]


def test_models_as_json_is_a_line_each(weights: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "--weights", str(weights), "--json"])

    [record] = [json.loads(line) for line in result.stdout.splitlines()]
    assert record["name"] == "untrained"
    assert record["key"] == read_card("untrained", weights).key


def test_a_broken_card_does_not_hide_the_others(weights: Path, tmp_path: Path) -> None:
    copied(weights, tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.safetensors").write_bytes(b"")
    result = CliRunner().invoke(cli, ["models", "--weights", str(tmp_path), "--json"])

    broken, whole = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 1
    assert "broken.json" in broken["error"]
    assert whole["name"] == "copy"


def test_no_models_is_reported(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "--weights", str(tmp_path)])

    assert result.stdout == ""
    assert result.stderr == f"There is no checkpoint in {tmp_path}.\n"


def test_methods_lists_every_registered_one_by_family_with_its_sentences_cost_and_settings() -> None:
    result = CliRunner().invoke(cli, ["methods", "--json"])
    text = CliRunner().invoke(cli, ["methods"]).stdout

    records = [json.loads(line) for line in result.stdout.splitlines()]
    listed = [method for members in by_family().values() for method in members]
    assert [record["name"] for record in records] == [method.name for method in listed]
    assert sorted(method.name for method in listed) == sorted(methods)
    for record, method in zip(records, listed, strict=True):
        assert (record["plain"], record["misleads"]) == (method.plain, method.misleads)
        assert (record["family"], record["cost"]) == (method.family, method.cost)
        assert [setting["name"] for setting in record["settings"]] == [setting.name for setting in method.settings]
        assert "unfit" not in record
        assert f"{method.name}  ({method.title}" in text
        assert all(flag(setting) in text for setting in method.settings)
    assert text.index("CLASS ACTIVATION") < text.index("grad-cam") < text.index("GRADIENT") < text.index("BASELINE")


def test_methods_tells_what_a_network_cannot_serve_and_why(weights: Path) -> None:
    command = ["methods", "--checkpoint", "untrained", "--weights", str(weights)]
    records = [json.loads(line) for line in CliRunner().invoke(cli, [*command, "--json"]).stdout.splitlines()]
    unfit = {record["name"]: record["unfit"] for record in records}

    assert unfit["grad-cam"] == {}
    assert set(unfit["cam"]) == {"stem", "stage 1", "stage 2", "stage 3"}
    assert f"! Not at stem: {unfit['cam']['stem']}"[:60] in CliRunner().invoke(cli, command).stdout


def test_a_setting_that_is_called_like_an_option_of_explain_is_listed_with_setting() -> None:
    own = {option for parameter in cli.commands["explain"].params for option in parameter.opts}
    named = {setting.name: setting for method in methods.values() for setting in method.settings}
    shared = {name for name in named if "--" + name.replace("_", "-") in own}

    assert shared == OPTIONS_OF_EXPLAIN
    assert all(flag(named[name]).startswith(f"--setting {name}=") for name in shared)
