"""A routing rule as operations writes it: tried on the past, switched on, changed, switched off."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.api.models import Merchant
from apps.backoffice.services import setup_roles
from apps.gateways.models import RoutingRule
from tests.browser.axe import assert_accessible
from tests.browser.staff import log_in, picture
from tests.factories.payments import SCOPE, confirmed_intent, stored_method
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture
def payments(settings: Any) -> Iterator[None]:
    """Sixty payments that went to the first of two gateways."""
    setup_roles()
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's books")
    with use_gateways(settings, FakeGateway("stripe_main"), FakeGateway("adyen_main")):
        method = stored_method("stripe_main", "adyen_main")
        for _ in range(60):
            confirmed_intent(token=method.id, amount=2500)
        yield


@pytest.mark.usefixtures("payments")
def test_a_rule_is_tried_before_it_goes_live(live_server: Any, page: Page) -> None:
    log_in(page, live_server.url, role="ops")

    page.click("nav >> text=/^.*Gateways$/")
    page.click("text=New rule…")
    page.fill("input[name=name]", "Euros to Adyen")
    page.fill("input[name=currencies]", "EUR")
    page.fill("input[name=weight_adyen_main]", "70")
    page.fill("input[name=weight_stripe_main]", "30")
    picture(page, "routing-new")
    page.click("text=Write the rule")
    expect(page.get_by_text("waits to be switched on")).to_be_visible()
    picture(page, "routing-written")

    page.click("nav >> text=/^.*Gateways$/")
    page.click("#result_list tbody tr >> nth=0 >> a")
    page.click("text=Switch on…")
    expect(page.get_by_text("stripe_main 100 %")).to_be_visible()
    page.fill("textarea[name=reason]", "Cheaper for us.")
    picture(page, "routing-switch-on")
    page.click("text=Let payments follow it")
    expect(page.get_by_text("is live")).to_be_visible()
    picture(page, "routing-rule", full=True)
    assert_accessible(page)

    rule = RoutingRule.objects.get()
    assert (rule.is_active, rule.version) == (True, 2)
    page.click("nav >> text=/^.*Gateways$/")
    picture(page, "routing-rules")
    assert_accessible(page)
