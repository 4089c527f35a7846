"""docs/capabilities.md says what the adapters declare today."""

from __future__ import annotations

from pathlib import Path

from providers.capabilities_page import page
from providers.registry import PUBLIC_NAMES, load_providers

KEPT = Path(__file__).parents[2] / "docs" / "capabilities.md"


def test_capabilities_page_is_current() -> None:
    said = KEPT.read_text(encoding="utf-8") if KEPT.exists() else ""
    assert said == page(), "run: python -m providers.capabilities_page > docs/capabilities.md"


def test_every_declared_verb_is_on_the_page() -> None:
    text = page()
    for provider in load_providers({}, PUBLIC_NAMES).values():
        assert f"| {provider.title} " in text
        for support in provider.capabilities.values():
            assert all(verb in text for verb in support.verbs)
