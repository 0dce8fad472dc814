"""Routing rules as staff see and change them."""

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.utils import timezone

from apps.api.models import Merchant
from apps.backoffice.kit.dashboard import Stacks
from apps.backoffice.kit.pages import Drawings, Table
from apps.common.origin import Origin, Scope
from apps.gateways.admin.routing import (
    ChangeRuleDialog,
    FailBackDialog,
    FailoverDialog,
    NewRuleDialog,
    RoutingRuleAdmin,
    SwitchOffDialog,
    SwitchOnDialog,
)
from apps.gateways.admin.simulation import SimulateDialog
from apps.gateways.models import RoutingRule
from apps.gateways.routing import Conditions
from apps.gateways.rulebook import forget_rules
from apps.gateways.services import RoutingWish, create_routing_rule
from apps.payments.models import PaymentIntent
from apps.reporting.models import HourOfAttempts, HourOfEvents
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE, TESTER, confirmed_intent, stored_method
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gateways(settings: Any) -> Any:
    with use_gateways(settings, FakeGateway("stripe_main"), FakeGateway("stripe_spare")):
        yield


def waiting_rule() -> RoutingRule:
    wish = RoutingWish(name="All to the spare", weights={"stripe_spare": 100})
    return create_routing_rule(scope=SCOPE, wish=wish, origin=TESTER, now=timezone.now())


def send(dialog: Any, **answers: Any) -> Any:
    """Send the dialog's form as a browser would, with what it begins with."""
    blank = dialog.form_class(subject=dialog.subject)
    begins = {name: field.initial for name, field in blank.fields.items() if field.initial}
    data = {**begins, **dialog.initial(), **answers, "nonce": str(uuid.uuid4())}
    given = {name: value for name, value in data.items() if value is not None}
    form = dialog.form_class({**_zero_weights(blank), **given}, subject=dialog.subject)
    assert form.is_valid(), form.errors
    clerk = Origin(actor="staff:ops@shop.example")
    return dialog.work(form.cleaned_data, origin=clerk, now=timezone.now())


def _zero_weights(form: Any) -> dict[str, int]:
    return {name: 0 for name in form.fields if name.startswith("weight_")}


def test_a_rule_is_written_in_a_dialog_and_waits(merchant: Merchant) -> None:
    dialog = NewRuleDialog(None, user=staff("gateways.add_routingrule"))

    send(
        dialog, name="Euros", merchant=merchant.id, currencies="eur gbp", weight_stripe_spare=70,
        weight_stripe_main=30,
    )  # fmt: skip

    rule = RoutingRule.objects.get()
    assert (rule.scope, rule.is_active) == (Scope(merchant.id, livemode=False), False)
    assert rule.currencies == ["EUR", "GBP"]
    assert rule.weights == {"stripe_main": 30, "stripe_spare": 70}
    assert rule.changed_by == "staff:ops@shop.example"


def test_switching_on_shows_what_the_rule_would_have_done() -> None:
    method = stored_method("stripe_main", "stripe_spare")
    for _ in range(4):
        confirmed_intent(token=method.id)
    rule = waiting_rule()
    dialog = SwitchOnDialog(rule, user=staff("gateways.change_routingrule"))

    facts = dict(dialog.facts())

    assert (facts["Tried on"], facts["Go elsewhere"]) == ("4 payments", "4")
    assert (facts["Today"], facts["With the rule"]) == ("stripe_main 100 %", "stripe_spare 100 %")


def test_a_rule_is_switched_on_and_off_and_its_page_tells_all_versions() -> None:
    rule = waiting_rule()
    lead = staff("gateways.change_routingrule")

    send(SwitchOnDialog(rule, user=lead), reason="cheaper")
    rule.refresh_from_db()
    assert (rule.is_active, rule.version) == (True, 2)
    assert not SwitchOnDialog(rule, user=lead).is_offered()
    send(SwitchOffDialog(rule, user=lead), reason="worse")
    rule.refresh_from_db()

    page = RoutingRuleAdmin(RoutingRule, admin.site).page(RequestFactory().get("/"), rule)
    versions = page.main[1]
    assert isinstance(versions, Table)
    assert [(row[0], row[5]) for row in versions.rows] == [
        ("3", "staff:ops@shop.example"),
        ("2", "staff:ops@shop.example"),
        ("1", "api:test"),
    ]


def test_a_change_keeps_whether_the_rule_is_live() -> None:
    rule = waiting_rule()
    lead = staff("gateways.change_routingrule")
    send(SwitchOnDialog(rule, user=lead), reason="cheaper")
    rule.refresh_from_db()

    send(ChangeRuleDialog(rule, user=lead), priority=5)

    rule.refresh_from_db()
    assert (rule.is_active, rule.priority, rule.version) == (True, 5, 3)
    assert rule.weights == {"stripe_spare": 100}


def test_operations_force_a_failover_and_fail_back() -> None:
    clerk = staff("gateways.change_routingrule")

    out = send(
        FailoverDialog(None, user=clerk),
        gateway="stripe_main",
        minutes="60",
        reason="They are ill.",
    )
    screen = RoutingRuleAdmin(RoutingRule, admin.site)
    resting, _ = screen.figures()
    back = send(FailBackDialog(None, user=clerk), gateway="stripe_main", reason="They are well.")
    used, _ = screen.figures()

    assert "stripe_main gets no new payments until" in out.in_english
    assert back.in_english == "stripe_main is in use again."
    assert isinstance(resting, Table)
    assert isinstance(used, Table)
    assert "Rests" in resting.rows[0][1]
    assert "In use" in used.rows[0][1]


def test_a_route_is_simulated_without_a_payment(merchant: Merchant) -> None:
    wish = RoutingWish(
        name="Large to the spare", weights={"stripe_spare": 100}, is_active=True,
        conditions=Conditions(currencies=("EUR",), amount_from=100_000),
    )  # fmt: skip
    scope = Scope(merchant.id, livemode=False)
    create_routing_rule(scope=scope, wish=wish, origin=TESTER, now=timezone.now())
    forget_rules()
    dialog = SimulateDialog(None, user=staff("gateways.add_routingrule"))

    large = send(dialog, merchant=merchant.id, amount="1000.00", method_type="card")
    small = send(dialog, merchant=merchant.id, amount="10.00", method_type="card")

    assert large.in_english == (
        "1,000.00\u00a0EUR: stripe_spare, then stripe_main."
        " Rule “Large to the spare”: stripe_spare 100."
    )
    assert small.in_english == (
        "10.00\u00a0EUR: stripe_main, then stripe_spare. In the order of the settings."
    )
    assert not PaymentIntent.objects.exists()


def test_an_amount_that_its_currency_has_not_is_refused(merchant: Merchant) -> None:
    form = SimulateDialog.form_class(
        {
            "nonce": str(uuid.uuid4()), "merchant": merchant.id, "currency": "JPY",
            "amount": "10.50", "method_type": "card",
        }
    )  # fmt: skip

    assert not form.is_valid()
    assert list(form.errors) == ["amount"]


def test_the_screen_draws_which_share_each_gateway_had_hour_by_hour() -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for gateway, attempts in (("stripe_main", 3), ("stripe_spare", 1)):
        HourOfAttempts.objects.create(
            merchant_id=SCOPE.merchant_id, livemode=False, hour=hour, gateway=gateway,
            currency="EUR", status="captured", attempts=attempts, amount=100,
        )  # fmt: skip

    _, drawings = RoutingRuleAdmin(RoutingRule, admin.site).figures()

    assert isinstance(drawings, Drawings)
    (shares,) = drawings.charts
    assert isinstance(shares, Stacks)
    assert [name for name, _ in shares.parts] == ["stripe_main", "stripe_spare"]
    assert shares.stacks[-1] == (f"{hour:%H}", [75, 25])
    assert shares.arrows == []
    assert all(counts == [0, 0] for _, counts in shares.stacks[:-1])


def test_hours_in_which_payments_moved_on_are_marked_above_the_shares() -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    HourOfAttempts.objects.create(
        merchant_id=SCOPE.merchant_id, livemode=False, hour=hour, gateway="stripe_spare",
        currency="EUR", status="captured", attempts=2, amount=100,
    )  # fmt: skip
    for merchant, kind, events in (
        ("mer_a", "payment_intent.rerouted", 3),
        ("mer_b", "payment_intent.rerouted", 1),
        ("mer_a", "refund.failed", 9),
    ):
        HourOfEvents.objects.create(
            merchant_id=merchant, livemode=False, hour=hour, type=kind, events=events
        )

    _, drawings = RoutingRuleAdmin(RoutingRule, admin.site).figures()

    assert isinstance(drawings, Drawings)
    (shares,) = drawings.charts
    assert isinstance(shares, Stacks)
    (arrow,) = shares.arrows
    # The column of the last hour is 16 wide and begins at 23 * 24 + 4; the arrow stands above it.
    assert arrow == {
        "title": f"{hour:%H}, Failovers: 4", "points": "556,-14 572,-14 564,-3"
    }  # fmt: skip
    assert shares.view_box == "0 -14 576 134"
    assert shares.columns == ["Hour", "stripe_main", "stripe_spare", "Failovers"]
    assert shares.rows[-1] == (f"{hour:%H}", [0, 100, 4])
