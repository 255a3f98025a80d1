"""Timing in a browser: missing parts are reported. The timing itself runs with `bench --browser`."""

import importlib.util
import os
import shutil

import pytest

from core import chromium


def test_without_chromium_the_reason_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: None)

    assert chromium.measure() == {"skipped": "no Chromium was found (Debian: apt install chromium)"}


def test_without_playwright_the_reason_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert chromium.measure() == {"skipped": "the Python package playwright is not installed"}


def test_peak_memory_is_reported_where_the_system_reports_it() -> None:
    peak = chromium._peak(os.getpid())

    assert peak is None or 10 < peak < 100_000  # MB
