"""docs/library.md tells of every error. That its examples are true is tested with all pages: test_pages.py."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def test_every_error_is_told_of() -> None:
    import sampan

    page = PAGE.read_text()
    errors = [
        name for name in sampan.__all__ if name.endswith("Error") and name not in ("PlatformError", "SampanError")
    ]
    assert [name for name in errors if f"`{name}`" not in page] == []


def test_every_method_of_a_configuration_is_told_of() -> None:
    import sampan

    page = PAGE.read_text()
    methods = [name for name in dir(sampan.Spec) if not name.startswith("_")]
    assert len(methods) > 50
    assert [name for name in methods if f"`{name}`" not in page] == []
