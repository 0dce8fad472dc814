"""Every screen in a browser: no barrier, no error, no other host, and it fits a small phone."""

from typing import Any

import pytest
from django.urls import reverse_lazy
from playwright.sync_api import Page

from tests.backoffice.house import House, pages
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Enter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FIRST_PAGE = reverse_lazy("admin:index")
DISPUTE_FIGURES = reverse_lazy("admin:disputes_dispute_figures")
# The innermost element that reaches beyond the screen, as far as it does not scroll by itself.
_TOO_WIDE = """width => [...document.querySelectorAll("main *, .bo-page *")]
    .filter(each => each.getBoundingClientRect().right > width && !each.closest(".bo-scroll, pre"))
    .map(each => each.outerHTML.slice(0, 120)).at(-1)"""
WIDTHS = {"desk": (1280, 900), "phone": (320, 640)}


@pytest.mark.parametrize("width", sorted(WIDTHS))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_is_for_everybody(
    enter: Enter, live_server: Any, house: House, width: str, scheme: Any
) -> None:
    page = enter("superuser")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    size = WIDTHS[width]
    page.set_viewport_size({"width": size[0], "height": size[1]})
    troubles: list[str] = []

    for path in (FIRST_PAGE, DISPUTE_FIGURES, *pages(house)):
        page.goto(f"{live_server.url}{path}")
        troubles += [f"{path}: {trouble}" for trouble in troubles_of(page, size[0])]

    assert troubles == [], "\n".join(troubles)


def troubles_of(page: Page, width: int) -> list[str]:
    """Return what is wrong with the page, in words."""
    found = []
    try:
        assert_accessible(page)
    except AssertionError as barriers:
        found.append(str(barriers))
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"{wide} pixels wide: {page.evaluate(_TOO_WIDE, width)}")
    active = page.locator("#nav-sidebar-apps a.active, #nav-sidebar a.active").count()
    # One's own account opens from one's name, which stands below the sidebar.
    if active != int("/profile/" not in page.url):
        found.append(f"{active} entries of the sidebar are active")
    return found
