"""Each dialog that moves money does it once: double click, back button, two tabs, in a browser."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from apps.backoffice.models import Approval, StaffAction
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.disputes.models import Dispute, Submission
from apps.fraud.models import Decision, Review
from apps.gateways.base import RefundResult, RefundState
from apps.ledger.models import JournalEntry, PeriodClose
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.bulk_refunds import request_bulk_refund
from apps.payments.services.refunds import record_refund
from apps.payouts.models import Payout
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.services import resolve_exception
from apps.subscriptions.models import Invoice, Subscription
from tests.backoffice.house import House
from tests.backoffice.matrix import screens
from tests.browser.conftest import Enter
from tests.browser.staff import visit
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import card_of, price

pytestmark = pytest.mark.django_db(transaction=True)

WHY = {"reason": "Asked by phone."}
# What a person's own clicks write about themselves.
_ABOUT_STAFF = ("backoffice_", "django_session", "otp_", "axes_")


@dataclass(frozen=True, kw_only=True)
class Money:
    """
    One dialog: who opens it about what, what they type, and what comes of it once.

    `subject` makes ready and returns the object, or for a dialog of a list its query; `asks_twice`
    shows what follows before it does anything.
    """

    screen: str
    dialog: str
    role: str
    subject: Callable[[House], Any]
    result: Callable[[House], Any]
    once: Any
    answers: Mapping[str, str] = field(default_factory=lambda: WHY)
    asks_twice: bool = False


def bulk_approval(house: House) -> Approval:
    """Return a request for the refund of one payment."""
    asked = request_bulk_refund(
        scope=SCOPE,
        intent_ids=[house.paid.id],
        reason="duplicate",
        note="Sold out.",
        origin=Origin(actor="staff:somebody@shop.example"),
        now=timezone.now(),
    )
    return asked.approval


def charged_invoice(house: House) -> Invoice:
    """Return the house's invoice, to be paid with the customer's card."""
    house.customer.default_payment_method_id = card_of(house.customer).id
    house.customer.save(update_fields=["default_payment_method_id"])
    Subscription.objects.update(collection_method="charge_automatically")
    Invoice.objects.update(collection_method="charge_automatically")
    return house.invoice


def known_card(house: House) -> Review:
    """Return the house's review of a payment whose card would be known again."""
    decision = Decision.objects.get(pk=house.review.decision_id)
    decision.facts = {**decision.facts, "card_fingerprint": "fp_ada"}
    decision.id, decision.attempt_id = new_id("frd"), new_id("att")
    decision.save(force_insert=True)
    house.review.decision_id = decision.id
    house.review.save(update_fields=["decision_id"])
    return house.review


def dearer(house: House) -> Subscription:
    """Return the house's subscription, which has something else to change to."""
    product = house.subscription.items.get().price.product
    price(9900, of=product)
    return house.subscription


def failed_refund(house: House) -> Refund:
    """Return the house's refund, whose money came back from the payer's bank."""
    returned = RefundResult(
        state=RefundState.FAILED, reference="re_returned", amount=50, currency="EUR"
    )
    return record_refund(
        refund_id=house.refund.id, outcome=returned, origin=TESTER, now=timezone.now()
    )


def settled_books(house: House) -> str:
    """Resolve what is open, so that the month can be closed."""
    for row in Discrepancy.objects.filter(status="open"):
        resolve_exception(
            scope=row.scope,
            exception_id=row.id,
            action="ignore",
            reason="Seen.",
            origin=TESTER,
            now=timezone.now(),
        )
    return ""


def entries(house: House) -> int:
    return JournalEntry.objects.filter(source_id=house.discrepancy.id).count()


def status(model: Any, name: str) -> Callable[[House], str]:
    """Return what reads the status of the house's `name`."""
    return lambda house: str(model.objects.get(pk=getattr(house, name).pk).status)


MONEY = [
    Money(
        screen="payments/paymentintent",
        dialog="refund",
        role="support_lead",
        subject=lambda house: house.paid,
        answers={"amount": "4.00", **WHY},
        result=lambda house: PaymentIntent.objects.get(pk=house.paid.pk).amount_refunded,
        once=450,
    ),
    Money(
        screen="payments/refund",
        dialog="retry",
        role="support_lead",
        subject=failed_refund,
        result=lambda house: Refund.objects.filter(retry_of__isnull=False).count(),
        once=1,
    ),
    Money(
        screen="payments/paymentintent",
        dialog="capture",
        role="support_lead",
        subject=lambda house: house.held,
        answers={"amount": "23.40"},
        result=lambda house: PaymentIntent.objects.get(pk=house.held.pk).amount_received,
        once=2340,
    ),
    Money(
        screen="payments/paymentintent",
        dialog="cancel",
        role="support_lead",
        subject=lambda house: house.held,
        result=status(PaymentIntent, "held"),
        once="canceled",
    ),
    Money(
        screen="disputes/fraudreport",
        dialog="refund-to-prevent",
        role="finance_lead",
        subject=lambda house: house.warning,
        result=lambda house: PaymentIntent.objects.get(pk=house.paid.pk).amount_refunded,
        once=1050,
    ),
    Money(
        screen="payments/paymentintent",
        dialog="bulk-refund",
        role="support_lead",
        subject=lambda house: f"pick={house.paid.id}",
        result=lambda house: Refund.objects.filter(status="requires_approval").count(),
        once=1,
    ),
    Money(
        screen="backoffice/approval",
        dialog="approve",
        role="finance_lead",
        subject=bulk_approval,
        result=lambda house: Refund.objects.filter(status="pending").count(),
        once=1,
    ),
    Money(
        screen="backoffice/approval",
        dialog="reject",
        role="finance_lead",
        subject=bulk_approval,
        result=lambda house: Refund.objects.filter(status="canceled").count(),
        once=1,
    ),
    Money(
        screen="payouts/seller",
        dialog="pay-out",
        role="finance",
        subject=lambda house: house.seller,
        answers={"amount": "7.00", **WHY},
        result=lambda house: Payout.objects.filter(amount=700).count(),
        once=2,
    ),
    Money(
        screen="payouts/payout",
        dialog="cancel-payout",
        role="finance",
        subject=lambda house: house.payout,
        result=status(Payout, "payout"),
        once="canceled",
    ),
    Money(
        screen="fraud/review",
        dialog="approve",
        role="risk",
        subject=lambda house: house.review,
        result=status(Review, "review"),
        once="approved",
    ),
    Money(
        screen="fraud/review",
        dialog="decline",
        role="risk",
        subject=lambda house: house.review,
        result=status(Review, "review"),
        once="declined",
    ),
    Money(
        screen="fraud/review",
        dialog="block",
        role="risk",
        subject=known_card,
        result=status(Review, "review"),
        once="declined",
    ),
    Money(
        screen="disputes/dispute",
        dialog="accept",
        role="finance_lead",
        subject=lambda house: house.dispute,
        result=status(Dispute, "dispute"),
        once="accepted",
    ),
    Money(
        screen="disputes/dispute",
        dialog="submit-evidence",
        role="finance_lead",
        subject=lambda house: house.dispute,
        answers={"is_final": "on"},
        result=lambda house: Submission.objects.count(),
        once=1,
    ),
    Money(
        screen="reconciliation/discrepancy",
        dialog="correct",
        role="finance",
        subject=lambda house: house.discrepancy,
        result=entries,
        once=1,
    ),
    Money(
        screen="reconciliation/discrepancy",
        dialog="write-off",
        role="finance",
        subject=lambda house: house.discrepancy,
        result=entries,
        once=1,
    ),
    Money(
        screen="reconciliation/discrepancy",
        dialog="correct-several",
        role="finance",
        subject=lambda house: f"pick={house.discrepancy.id}",
        result=entries,
        once=1,
    ),
    Money(
        screen="reconciliation/reconciliationrun",
        dialog="close-month",
        role="finance_lead",
        subject=settled_books,
        answers={"month": f"{timezone.now() - timedelta(days=70):%Y-%m}"},
        result=lambda house: PeriodClose.objects.count(),
        once=1,
    ),
    Money(
        screen="subscriptions/invoice",
        dialog="charge-invoice",
        role="finance",
        subject=charged_invoice,
        result=lambda house: Invoice.objects.get(pk=house.invoice.pk).amount_paid,
        once=4900,
    ),
    Money(
        screen="subscriptions/invoice",
        dialog="void-invoice",
        role="finance",
        subject=lambda house: house.invoice,
        result=status(Invoice, "invoice"),
        once="void",
    ),
    Money(
        screen="subscriptions/invoice",
        dialog="write-off-invoice",
        role="finance",
        subject=lambda house: house.invoice,
        result=status(Invoice, "invoice"),
        once="uncollectible",
    ),
    Money(
        screen="subscriptions/subscription",
        dialog="change-plan",
        role="finance_lead",
        subject=dearer,
        answers={"price": "Gold, 99.00\u00a0EUR", "proration": "always_invoice", **WHY},
        result=lambda house: Invoice.objects.count(),
        once=2,
        asks_twice=True,
    ),
    Money(
        screen="subscriptions/subscription",
        dialog="cancel-subscription",
        role="finance_lead",
        subject=lambda house: house.subscription,
        answers={"when": "now", **WHY},
        result=status(Subscription, "subscription"),
        once="canceled",
    ),
]
# Dialogs which want a fresh code although they move no money: they hand out access.
ACCESS = {"apikey", "profile", "user", "webhookendpoint"}
# These change what will be charged one day, and nothing now.
LATER = {
    ("subscription", "pause-collection"),
    ("subscription", "resume-subscription"),
    ("disputepolicy", "change-orders"),
}
# These give out or erase what is known of a person; tests/compliance does each of them twice.
PERSONAL = {("customer", "export-person"), ("customer", "erase-person")}


def test_the_list_has_every_dialog_that_moves_money() -> None:
    guarded = {
        (str(screen.opts.model_name), kind.name)
        for screen in screens()
        for kind in (*screen.dialogs, *screen.list_dialogs)
        if kind.needs_fresh_factor and screen.opts.model_name not in ACCESS
    }
    listed = {(each.screen.partition("/")[2], each.dialog) for each in MONEY}

    assert guarded - LATER - PERSONAL - listed == set()


@pytest.mark.parametrize("money", MONEY, ids=lambda each: f"{each.screen}:{each.dialog}")
def test_double_click_back_button_and_two_tabs_do_it_once(
    enter: Enter, house: House, context: BrowserContext, money: Money
) -> None:
    subject = money.subject(house)
    first = enter(money.role)
    second = context.new_page()
    second.goto(first.url)
    for tab in (first, second):
        open_dialog(tab, money, subject)

    fill(first, money)
    with first.expect_navigation():
        submit(first).dblclick(no_wait_after=True)
    first.wait_for_load_state()
    assert money.result(house) == money.once
    assert [deed.outcome for deed in StaffAction.objects.filter(succeeded=False)] == []
    assert StaffAction.objects.count() == 1
    after_one = rows_of_the_platform()

    first.go_back()
    if submit(first).count() and submit(first).is_enabled():
        fill(first, money)
        press(first)
    assert rows_of_the_platform() == after_one

    fill(second, money)
    press(second)
    assert rows_of_the_platform() == after_one
    assert money.result(house) == money.once


def open_dialog(page: Page, money: Money, subject: Any) -> None:
    """Open the dialog as a page of its own, as a click with Ctrl does."""
    if isinstance(subject, str):
        visit(page, f"{money.screen}/do/{money.dialog}/?{subject}")
    else:
        visit(page, f"{money.screen}/{subject.pk}/do/{money.dialog}/")
    if money.asks_twice:
        fill(page, money)
        press(page)
        expect(page.get_by_role("alert")).to_contain_text("send it once more")


def fill(page: Page, money: Money) -> None:
    form = page.locator(".bo-form")
    for name, value in money.answers.items():
        box = form.locator(f"[name={name}]")
        kind = box.evaluate("each => each.type")
        if kind == "checkbox":
            box.check()
        elif kind == "select-one":
            box.select_option(value)
        else:
            box.fill(value)


def submit(page: Page) -> Any:
    return page.locator(".bo-form [type=submit]")


def press(page: Page) -> None:
    with page.expect_navigation():
        submit(page).click(no_wait_after=True)
    page.wait_for_load_state()


def rows_of_the_platform() -> dict[str, Any]:
    """Return a digest per table, without what staff's clicks write about staff."""
    digests = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if not table.startswith(_ABOUT_STAFF):
                cursor.execute(
                    f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"  # noqa: S608
                )
                digests[table] = cursor.fetchone()
    return digests
