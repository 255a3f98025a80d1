"""The PACS page with a real Orthanc: a study is found, opened and explained, and the results are sent back into it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core.pacs.dicomweb import StudyQuery, instances, search
from tests.browser.conftest import PATIENCE_MS, served, settle
from tests.browser.test_access import barriers
from tests.pacs.orthanc import Orthanc, drawn_studies, is_installed, orthanc


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if not is_installed():
        pytest.skip("Orthanc is not installed (Debian: orthanc, orthanc-dicomweb, dcmtk)")
    folder = tmp_path_factory.mktemp("orthanc")
    with orthanc(folder) as running:
        running.send(drawn_studies(folder, 2))
        yield running


@pytest.fixture(scope="module")
def server(browser: Any, archive: Orthanc, script: Path, models: Path | None) -> Iterator[str]:
    with served(script, **archive.environment) as address:
        yield address


def test_a_study_is_found_read_and_gets_its_results_back(visit: Callable[..., Any], archive: Orthanc) -> None:
    page = visit("pacs")
    page.get_by_role("textbox", name="Patient ID").fill("L0001")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 study", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    assert "Drawn" not in page.content()
    box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + 54)  # the box before the first row
    page.locator("[class*=st-key-pacs-open] button").click()
    expect(page.get_by_text("Four verdicts")).to_be_visible(timeout=PATIENCE_MS)

    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Send 5 objects").wait_for()
    assert barriers(page) == []
    page.get_by_role("button", name="Send 5 objects").click()
    expect(page.get_by_text("5 of 5 objects are stored in the study.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Send 5 objects")).to_have_count(0)

    [study] = search(archive.server, StudyQuery(number="L0001"))
    assert len(instances(archive.server, study.uid)) == 6
