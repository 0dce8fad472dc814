"""How disputes ended, by whom and where, and what the card schemes count of a month."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.backoffice.kit.dashboard import Chart, Rows, Stacks
from apps.backoffice.kit.pages import Drawings, Page
from apps.backoffice.models import User
from apps.disputes.admin.figures import figures_page
from apps.disputes.figures import measure_disputes
from apps.disputes.models import Dispute, SchemeStanding
from apps.disputes.services.details import assign_dispute
from apps.disputes.services.standings import count_standings
from apps.disputes.services.warnings import record_fraud_warning
from apps.disputes.tallies import Grouping, count_outcomes_by, stand_with_schemes
from apps.gateways.base import DisputeState, FraudWarning
from apps.outbox.models import Event
from tests.conftest import ApiClient
from tests.disputes.stories import PERSON, paid, tell
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def closed(gateway: FakeGateway, state: DisputeState, *, reason: str = "fraudulent") -> Dispute:
    """Return a dispute of 10.00 EUR that the bank has decided."""
    _, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now(), reason=reason)
    tell(opened)
    if state == DisputeState.WON:
        return tell(gateway.win_dispute(opened.reference))
    return tell(gateway.move_dispute(opened.reference, state=state))


def outcomes(grouping: Grouping) -> list[tuple[str, int, int, int]]:
    """Return the groups: name, won, lost, and what was recovered minus fees."""
    now = timezone.now()
    found = count_outcomes_by(
        SCOPE, grouping, since=now - timedelta(days=1), until=now + timedelta(minutes=1)
    )
    return [(each.name, each.won, each.lost, each.recovered_net) for each in found]


def test_ac_091_outcomes_are_told_apart_by_reason_network_gateway_and_person(
    gateway: FakeGateway,
) -> None:
    ana = User.objects.create_user("ana@example.com")
    won = closed(gateway, DisputeState.WON)
    assign_dispute(scope=SCOPE, dispute_id=won.id, assignee=ana)
    closed(gateway, DisputeState.LOST)
    closed(gateway, DisputeState.LOST, reason="duplicate")

    assert outcomes(Grouping.REASON) == [
        ("fraudulent", 1, 1, 1000 - 2 * 1500),
        ("duplicate", 0, 1, -1500),
    ]
    assert outcomes(Grouping.GATEWAY) == [("stripe_main", 1, 2, 1000 - 3 * 1500)]
    assert outcomes(Grouping.MONTH) == [(f"{timezone.now():%Y-%m}", 1, 2, 1000 - 3 * 1500)]
    assert outcomes(Grouping.NETWORK) == [("visa", 1, 2, 1000 - 3 * 1500)]
    assert outcomes(Grouping.PERSON) == [
        ("", 0, 2, -3000),
        ("ana@example.com", 1, 0, -500),
    ]


@time_machine.travel(datetime(2026, 11, 18, 12, tzinfo=UTC))
def test_the_page_of_figures_draws_what_was_counted(gateway: FakeGateway) -> None:
    now = timezone.now()
    closed(gateway, DisputeState.WON)
    closed(gateway, DisputeState.LOST)
    closed(gateway, DisputeState.LOST, reason="duplicate")
    closed(gateway, DisputeState.PREVENTED)
    for days in (2, 2, 20, 30):
        _, payment = paid(gateway)
        tell(gateway.open_dispute(payment, now=now, due_at=now + timedelta(days=days)))

    (deadlines,), (endings, rates), *_ = drawn(figures_page(now=timezone.now()))

    assert isinstance(deadlines, Chart)
    assert {place: bar.height for place, bar in enumerate(deadlines.bars) if bar.height} == {
        2: 2, 20: 1,
    }  # fmt: skip
    assert isinstance(endings, Stacks)
    assert endings.stacks[-1] == ("2026-11", (1, 2, 1))
    assert not any(sum(counts) for _, counts in endings.stacks[:-1])
    assert isinstance(rates, Rows)
    assert [(bar.label, bar.height) for bar in rates.bars] == [("Fraudulent", 50), ("Duplicate", 0)]


def drawn(page: Page) -> list[Sequence[object]]:
    return [panel.charts for panel in page.main if isinstance(panel, Drawings)]


def test_ac_090_a_month_counts_disputes_reports_and_payments(gateway: FakeGateway) -> None:
    closed(gateway, DisputeState.LOST)
    closed(gateway, DisputeState.PREVENTED)
    _intent, payment = paid(gateway)
    warning = FraudWarning(
        reference="issfr_1", kind="stolen", is_actionable=True, payment_reference=payment.reference
    )
    record_fraud_warning(gateway="stripe_main", warning=warning, origin=PERSON, now=timezone.now())
    now = timezone.now()

    visa, mastercard = stand_with_schemes(SCOPE, month=now.date().replace(day=1), now=now)

    assert (visa.counts.disputes, visa.counts.fraud_reports, visa.counts.payments) == (1, 1, 3)
    assert visa.ratio.percent == Decimal("66.67")
    assert (mastercard.counts.disputes, mastercard.counts.payments) == (0, 0)


def test_ac_090_the_month_is_projected_to_its_end(gateway: FakeGateway) -> None:
    closed(gateway, DisputeState.LOST)
    tenth = datetime(2026, 11, 10, 12, tzinfo=UTC)
    Dispute.objects.update(next_check_at=None)

    (visa, _) = stand_with_schemes(SCOPE, month=date(2026, 11, 1), now=tenth)

    # One of one so far; three of three at the end.
    assert visa.projected.count == 3 * visa.ratio.count


def test_ac_090_each_step_of_the_limit_is_told_once(gateway: FakeGateway, monkeypatch: Any) -> None:
    closed(gateway, DisputeState.LOST)
    now = timezone.now()

    count_standings(now=now)
    count_standings(now=now + timedelta(hours=1))

    row = SchemeStanding.objects.get(network="visa")
    assert (row.disputes, row.alert) == (1, 100)
    told = Event.objects.filter(type="dispute_ratio.limit_near")
    assert [(event.object["network"], event.object["alert"]) for event in told] == [("visa", 100)]


def test_the_highest_ratio_of_live_payments_is_a_metric(gateway: FakeGateway) -> None:
    closed(gateway, DisputeState.LOST)
    now = timezone.now()
    count_standings(now=now)
    SchemeStanding.objects.update(livemode=True)

    metrics = {metric.name: metric for metric in measure_disputes(now)}

    (visa,) = [
        sample
        for sample in metrics["pay_chargeback_limit_used"].samples
        if sample.labels == {"network": "visa"}
    ]
    assert visa.value == 1
    (projected,) = [
        sample.value
        for sample in metrics["pay_chargeback_limit_projected"].samples
        if sample.labels == {"network": "visa"}
    ]
    # One dispute of one payment is 100 %, of a limit of 1.5 %.
    assert projected == pytest.approx(100 / 1.5, rel=0.01)


def test_figures_are_read_by_the_api(api: ApiClient) -> None:
    ratios = api.get("/v1/reports/dispute_ratios", {"month": "2026-11"}).json()
    outcomes_ = api.get("/v1/reports/dispute_outcomes", {"by": "network"}).json()
    refused = api.get("/v1/reports/dispute_ratios", {"month": "2026-13"})

    assert [(each["network"], each["percent"]) for each in ratios["data"]] == [
        ("visa", "0"),
        ("mastercard", "0"),
    ]
    assert outcomes_["data"] == []
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "month")
