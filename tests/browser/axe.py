"""What axe, the engine behind most accessibility checks, finds wrong with a page."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# WCAG 2.2 A and AA. What axe calls minor or moderate is advice, no barrier.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_BARRIERS = frozenset({"serious", "critical"})
_OPTIONS = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": _RULES}}

_axe = Axe()


def assert_accessible(page: Page) -> None:
    """Fail, with a line per broken element, when the page has a serious or critical barrier."""
    # A click returns as soon as the answer begins: there may be no document yet.
    page.wait_for_load_state()
    found = _axe.run(page, options=_OPTIONS).response["violations"]
    barriers = [each for each in found if each["impact"] in _BARRIERS]
    assert not barriers, "\n".join([f"axe on {page.url}:", *map(_describe, barriers)])


def _describe(violation: dict[str, Any]) -> str:
    places = [f"    {node['target'][0]}: {node['html'][:120]}" for node in violation["nodes"]]
    return "\n".join([f"{violation['impact']} {violation['id']}: {violation['help']}", *places])
