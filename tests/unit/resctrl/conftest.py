"""A resctrl for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fake import Resctrl


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resctrl:
    made = Resctrl(tmp_path / "resctrl")
    made.replace_the_kernel(monkeypatch)
    return made
