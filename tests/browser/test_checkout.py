"""The hosted page as payers use it: real browser, the tokeniser's own origin, the bank's page."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.api.models import Merchant
from apps.checkout.models import Session
from apps.checkout.services.sessions import Basket, create_setup_session, expire_session
from apps.common.origin import Scope
from apps.payments.models import PaymentIntent
from apps.payments.services.sweeps import sweep_attempts
from simulator.testing import RunningSimulator
from tests.browser.axe import assert_accessible
from tests.browser.staff import picture
from tests.canary import keys_with, tables_with
from tests.factories.checkout import MERCHANT, intent_of, open_session, pay
from tests.live.environment import use_both_gateways

pytestmark = pytest.mark.django_db(transaction=True)

VISA = "4242 4242 4242 4242"
WITHOUT_FUNDS = "4000 0000 0000 9995"
WITH_CHALLENGE = "4000 0000 0000 3220"
CANARY = "4000 0000 0000 3055"


@pytest.fixture
def base(
    settings: Any, simulator: RunningSimulator, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return the platform's address; it charges at the played gateways."""
    # Playwright's loop runs in this thread, which Django takes for a mistake.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    use_both_gateways(settings, simulator, first="stripe")
    settings.PUBLIC_BASE_URL = live_server.url
    settings.TOKENISER_URL = f"{simulator.url}/fields"
    return str(live_server.url)


class Visit:
    """A payer's browser that notes where it sends requests, and what pages complain about."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**options)
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._hear)
        return page

    def _hear(self, said: Any) -> None:
        if said.type == "error" and "Content Security Policy" in said.text:
            self.complaints.append(said.text)


@pytest.fixture
def visit(browser: Browser, base: str, simulator: RunningSimulator) -> Iterator[Visit]:
    visit = Visit(browser, viewport={"width": 1200, "height": 900}, locale="en-GB")
    yield visit
    visit.context.close()
    # No request leaves for another host than the platform and the tokeniser with its bank.
    assert visit.hosts <= {urlsplit(base).netloc, urlsplit(simulator.url).netloc}
    assert visit.complaints == []


@pytest.fixture
def session(merchant: Merchant, base: str) -> Session:
    return open_session(
        merchant,
        fields={
            "success_url": f"{base}/docs?paid={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{base}/docs",
        },
        intent={"statement_descriptor": "ADAS BOOKS"},
    )


def fill_card(page: Page, number: str = VISA, *, expiry: str = "12/34") -> None:
    fields = page.frame_locator("iframe")
    fields.locator("#number").fill(number)
    fields.locator("#expiry").fill(expiry)
    fields.locator("#cvc").fill("123")


def press(page: Page) -> None:
    page.locator("#pay button").click()


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-state", state)


def charges(simulator: RunningSimulator, session: Session) -> list[tuple[str, int]]:
    """Return what the gateways' own books say of the session's payments."""
    intents = PaymentIntent.objects.filter(return_url__endswith=session.id)
    return [
        (charge["status"], charge["amount"])
        for intent in intents
        for charge in simulator.charges(intent.id)
        if charge["status"] != "failed"
    ]


def test_a_payer_pays(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    expect(page.get_by_role("heading", name="Pay by card")).to_be_visible()
    expect(page.frame_locator("iframe").locator("#number")).to_be_visible()
    assert_accessible(page)
    picture(page, "checkout-open", full=True)

    page.fill("#email", "ada@payer.example")
    fill_card(page)
    press(page)

    expect_state(page, "succeeded")
    expect(page.locator("main")).to_contain_text("ada@payer.example")
    assert_accessible(page)
    picture(page, "checkout-succeeded", full=True)
    assert charges(simulator, session) == [("succeeded", 4900)]
    page.click("text=Return to Ada's books")
    expect(page).to_have_url(f"{base}/docs?paid={session.id}")


def test_a_declined_payer_reads_why_and_takes_another_card(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    page.fill("#email", "ada@payer.example")
    fill_card(page, WITHOUT_FUNDS)
    press(page)

    expect_state(page, "declined")
    expect(page.get_by_role("alert").first).to_contain_text("There is not enough money on the card")
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#email")).to_have_value("ada@payer.example")
    assert_accessible(page)
    picture(page, "checkout-declined", full=True)

    fill_card(page)
    press(page)
    expect_state(page, "succeeded")
    assert charges(simulator, session) == [("succeeded", 4900)]


def test_a_mistyped_card_is_told_at_its_field_and_not_sent(
    base: str, visit: Visit, session: Session
) -> None:
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")

    fill_card(page, expiry="01/20")
    press(page)

    fields = page.frame_locator("iframe")
    expect(fields.get_by_role("alert")).to_have_text("Check the expiry date.")
    expect(fields.locator("#expiry")).to_be_focused()
    expect(page.locator("#pay button")).not_to_have_attribute("aria-disabled", "true")
    assert intent_of(session).attempt_count == 0


@pytest.mark.parametrize("first", ["stripe", "adyen"])
def test_a_payer_passes_the_banks_check(
    base: str,
    visit: Visit,
    session: Session,
    simulator: RunningSimulator,
    settings: Any,
    first: str,
) -> None:
    use_both_gateways(settings, simulator, first=first)
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    fill_card(page, WITH_CHALLENGE)
    press(page)

    expect(page.get_by_role("heading", name="Test bank")).to_be_visible(timeout=10_000)
    page.click("text=Approve")

    expect_state(page, "succeeded")
    expect(page).to_have_url(f"{base}/pay/{session.id}")
    assert charges(simulator, session) == [("succeeded", 4900)]
    session.refresh_from_db()
    assert session.status == "complete"


def test_a_payer_saves_a_card_and_pays_nothing(
    base: str, visit: Visit, merchant: Merchant, simulator: RunningSimulator
) -> None:
    setup = create_setup_session(
        scope=Scope(merchant.id, livemode=False),
        basket=Basket(items=[]),
        origin=MERCHANT,
        now=timezone.now(),
    )
    page = visit.page()
    page.goto(f"{base}/pay/{setup.id}")
    expect(page.locator("#pay button")).to_have_text("Save the card")
    assert_accessible(page)
    picture(page, "checkout-setup", full=True)
    fill_card(page, WITH_CHALLENGE)
    press(page)
    page.click("text=Approve")

    expect(page.get_by_role("heading", name="Your card is saved")).to_be_visible(timeout=10_000)
    assert simulator.charges() == []


@pytest.mark.parametrize("first", ["stripe", "adyen"])
def test_a_payer_who_fails_the_banks_check_is_not_charged(
    base: str,
    visit: Visit,
    session: Session,
    simulator: RunningSimulator,
    settings: Any,
    first: str,
) -> None:
    use_both_gateways(settings, simulator, first=first)
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    fill_card(page, WITH_CHALLENGE)
    press(page)

    page.click("text=Fail authentication")

    expect_state(page, "declined")
    expect(page.locator("#summary")).to_contain_text("could not confirm that it is you")
    assert charges(simulator, session) == []


def test_ac_96_a_payer_who_leaves_the_bank_comes_back_and_goes_on(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    fill_card(page, WITH_CHALLENGE)
    press(page)
    expect(page.get_by_role("heading", name="Test bank")).to_be_visible(timeout=10_000)

    page.goto(f"{base}/pay/{session.id}")
    expect_state(page, "verification")
    assert_accessible(page)
    picture(page, "checkout-verification", full=True)
    page.click("text=Pay with another card")
    fill_card(page)
    press(page)

    expect_state(page, "succeeded")
    assert charges(simulator, session) == [("succeeded", 4900)]


def test_the_back_button_charges_nobody_twice(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    fill_card(page)
    press(page)
    expect_state(page, "succeeded")

    page.go_back()

    assert page.locator("html").get_attribute("data-state") in {"succeeded", None}
    assert charges(simulator, session) == [("succeeded", 4900)]


def test_two_tabs_and_a_double_click_charge_once(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    first, second = visit.page(), visit.page()
    for tab in (first, second):
        tab.goto(f"{base}/pay/{session.id}")
        fill_card(tab)

    first.locator("#pay button").dblclick()
    expect_state(first, "succeeded")
    press(second)

    expect_state(second, "already_paid")
    assert_accessible(second)
    picture(second, "checkout-already-paid", full=True)
    assert charges(simulator, session) == [("succeeded", 4900)]


def test_the_keyboard_alone_is_enough(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    expect(page.frame_locator("iframe").locator("#number")).to_be_visible()

    for typed in ("ada@payer.example", "4242424242424242", "1234", "123"):
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
    page.keyboard.press("Enter")

    expect_state(page, "succeeded")
    assert charges(simulator, session) == [("succeeded", 4900)]


@pytest.mark.parametrize(
    ("locale", "scheme", "width", "button"),
    [
        ("de-DE", "light", 320, "49,00\xa0€ bezahlen"),
        ("es-ES", "dark", 1200, "Pagar 49,00\xa0€"),
        ("ar-EG", "light", 390, "ادفع"),
        ("ar-EG", "dark", 1200, "ادفع"),
    ],
)
def test_every_language_width_and_light(
    base: str,
    browser: Browser,
    session: Session,
    locale: str,
    scheme: Any,
    width: int,
    button: str,
) -> None:
    visit = Visit(
        browser, viewport={"width": width, "height": 1200}, locale=locale, color_scheme=scheme
    )
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    expect(page.frame_locator("iframe").locator("#number")).to_be_visible()
    expect(page.locator("#pay button")).to_contain_text(button)
    expect(page.frame_locator("iframe").locator("#cvc")).to_be_in_viewport()
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    assert_accessible(page)
    picture(page, f"checkout-{locale[:2]}-{scheme}-{width}")

    fill_card(page)
    press(page)
    expect_state(page, "succeeded")
    assert_accessible(page)
    assert visit.complaints == []
    visit.context.close()


def test_an_expired_and_a_canceled_link_say_so(
    base: str, visit: Visit, session: Session, merchant: Merchant
) -> None:
    page = visit.page()
    late = open_session(merchant, now=timezone.now() - timedelta(hours=24))
    page.goto(f"{base}/pay/{late.id}")
    expect(page.get_by_role("heading", name="This link has expired")).to_be_visible()
    assert_accessible(page)
    picture(page, "checkout-expired", full=True)

    expire_session(scope=session.scope, session_id=session.id, origin=MERCHANT, now=timezone.now())
    page.goto(f"{base}/pay/{session.id}")
    expect(page.get_by_role("heading", name="This payment was canceled")).to_be_visible()
    assert_accessible(page)


def test_a_payment_on_its_way_tells_so_and_updates_by_itself(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    # The gateway took the payment, and its answer was lost.
    simulator.fault("timeout_after", ms=3000, count=2)
    pay(session)
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    expect_state(page, "processing")
    assert_accessible(page)
    picture(page, "checkout-processing", full=True)

    simulator.control("DELETE", "faults")
    sweep_attempts(now=timezone.now() + timedelta(seconds=20))

    expect_state(page, "succeeded")
    assert charges(simulator, session) == [("succeeded", 4900)]


def test_a_gateway_that_is_away_charges_nobody_and_says_so(
    base: str, visit: Visit, session: Session, simulator: RunningSimulator
) -> None:
    for psp in ("stripe", "adyen"):
        simulator.fault("http_429", psp=psp)
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    fill_card(page)
    press(page)

    expect_state(page, "unavailable")
    expect(page.locator("#summary")).to_contain_text("You were not charged")
    assert_accessible(page)
    assert charges(simulator, session) == []


def test_a_card_number_typed_in_the_page_is_kept_nowhere(
    base: str, visit: Visit, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[str] = []
    visit.context.on(
        "request",
        lambda request: (
            sent.append(request.post_data or "") if request.url.startswith(base) else None
        ),
    )
    page = visit.page()
    page.goto(f"{base}/pay/{session.id}")
    fill_card(page, CANARY)
    press(page)
    expect_state(page, "succeeded")

    digits = re.sub(r"\D", "", CANARY)
    for text in (CANARY, digits):
        assert tables_with(text) == []
        assert keys_with(text) == []
        assert text not in caplog.text
        assert not [body for body in sent if text in body]
        assert text not in page.content()
