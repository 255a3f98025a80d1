"""The Models page in a real browser: rows open cards, plots are drawn, figures and pictures can be downloaded."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import expect

from core.models.checkpoints import input_card
from core.types import Input
from tests.browser.conftest import PATIENCE_MS, settle
from tests.dashboard.full_card import FINDINGS, full_card
from tests.models.importers.files import prefixed, state_network

PLOT = "[data-testid=stPlotlyChart] .main-svg"
NAMES = ("densenet121-lungs", "densenet121-plain")


@pytest.fixture(scope="module")
def script() -> Path:
    return Path(__file__).parent / "models_page.py"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two full cards."""
    folder = tmp_path_factory.mktemp("cards")
    bare = {
        "architecture": "densenet121",
        "findings": list(FINDINGS),
        "multi_label": False,
        "input": input_card(Input(size=64)),
        "temperature": 1.0,
        "sha256": "ab" * 32,
    }
    for seed, name in enumerate(NAMES):
        (folder / f"{name}.json").write_text(json.dumps(full_card(bare, seed=seed)), "utf-8")
        (folder / f"{name}.safetensors").write_bytes(b"")
    return folder


def test_a_click_on_a_row_opens_its_card_without_loading_the_page_and_the_address_keeps_it(
    server: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(server)
    page.locator("[data-rows=open] tr[data-checkpoint=densenet121-plain] td").first.wait_for(timeout=PATIENCE_MS)
    settle(page)
    page.evaluate("window.here = true")

    page.locator("tr[data-checkpoint=densenet121-plain] td").first.click()

    page.get_by_role("heading", name="densenet121-plain").wait_for(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"\?checkpoint=densenet121-plain$"))
    assert page.evaluate("window.here") is True
    page.reload()
    page.get_by_role("heading", name="densenet121-plain").wait_for(timeout=PATIENCE_MS)


def test_the_figures_are_drawn_and_can_be_downloaded_as_csv_and_png(
    server: str, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(f"{server}/?checkpoint=densenet121-lungs&part=Performance")
    page.locator(PLOT).nth(3).wait_for(timeout=PATIENCE_MS, state="attached")
    settle(page)
    expect(page.locator("[data-testid=stPlotlyChart]")).to_have_count(4)

    with page.expect_download(timeout=PATIENCE_MS) as table:
        page.get_by_role("button", name="CSV").first.click()
    table.value.save_as(tmp_path / "roc.csv")
    with page.expect_download(timeout=PATIENCE_MS) as picture:
        page.locator("[data-testid=stPlotlyChart] .modebar-btn").first.click(force=True)
    picture.value.save_as(tmp_path / "roc.png")

    assert table.value.suggested_filename == "densenet121-lungs-roc.csv"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "roc.csv").read_text("utf-8"))))
    assert len(rows) == 3 * 21
    assert (rows[20]["finding"], float(rows[20]["Sensitivity"])) == ("covid", 1.0)
    assert picture.value.suggested_filename == "densenet121-lungs-roc.png"
    assert (tmp_path / "roc.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("address", ["", "?checkpoint=densenet121-lungs"])
def test_on_a_phone_nothing_sticks_out(server: str, open_page: Callable[..., Any], address: str) -> None:
    page = open_page(f"{server}/{address}", width=390, height=844)
    page.locator(PLOT).first.wait_for(timeout=PATIENCE_MS, state="attached")
    settle(page)

    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_a_checkpoint_is_dropped_named_kept_renamed_and_removed(
    server: str, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "best.ckpt"
    torch.save({"state_dict": prefixed(state_network("mobilenet-v3-small", 2).state_dict(), "model.")}, file)
    page = open_page(server)
    page.get_by_role("button", name="Add a checkpoint").click()
    page.get_by_role("heading", name="Add a checkpoint").wait_for(timeout=PATIENCE_MS)
    settle(page)
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("heading", name="best.ckpt").wait_for(timeout=PATIENCE_MS)
    settle(page)
    fill(page, "Name", "ours")
    fill(page, "Findings", "covid\nnormal")
    page.get_by_role("button", name="Save").click()

    page.get_by_role("heading", name="ours").wait_for(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"\?checkpoint=ours$"))
    settle(page)
    page.get_by_role("button", name="Rename or remove").click()
    fill(page, "Name", "theirs")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("heading", name="theirs").wait_for(timeout=PATIENCE_MS)
    settle(page)
    page.keyboard.press("Escape")  # the menu stays open
    page.get_by_role("button", name="Remove permanently").wait_for(timeout=PATIENCE_MS, state="hidden")
    page.get_by_role("button", name="Rename or remove").click()
    page.get_by_role("button", name="Remove permanently").click()
    page.get_by_role("heading", name="Models", exact=True).wait_for(timeout=PATIENCE_MS)
    expect(page.locator("tr[data-checkpoint]")).to_have_count(len(NAMES), timeout=PATIENCE_MS)


def fill(page: Any, label: str, text: str) -> None:
    """Writes into the field and leaves it, and waits until the page has taken it."""
    field = page.get_by_role("textbox", name=label).first
    field.fill(text)
    field.blur()
    settle(page)
    assert field.input_value() == text
