"""Every screen in a browser: no barrier, no error, no other host, and it fits a small phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from tests.backoffice.house import House
from tests.backoffice.matrix import screens
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Enter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# The innermost element that reaches beyond the screen, as far as it does not scroll by itself.
_TOO_WIDE = """width => [...document.querySelectorAll("main *, .bo-page *")]
    .filter(each => each.getBoundingClientRect().right > width && !each.closest(".bo-scroll, pre"))
    .map(each => each.outerHTML.slice(0, 120)).at(-1)"""
WIDTHS = {"desk": (1280, 900), "phone": (320, 640)}


def pages(house: House) -> Iterator[str]:
    """Return the first page, each list, and the page of a row of each list."""
    yield reverse("admin:index")
    yield reverse("admin:disputes_dispute_figures")
    rows = {each._meta.model_name: each for each in vars(house).values()}
    for screen in screens():
        name = f"admin:{screen.opts.app_label}_{screen.opts.model_name}"
        yield reverse(f"{name}_changelist")
        row = rows.get(screen.opts.model_name) or screen.model._base_manager.last()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])


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

    for path in pages(house):
        page.goto(live_server.url + path)
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
