"""An exchange that the gateway told nobody at the capture is booked when its report shows it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.gateways.errors import GatewayUnknown
from apps.ledger.exchange import find_position
from apps.ledger.models import ExchangeRate
from apps.ledger.selectors import balance_of
from apps.ledger.verification import verify_books
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.services.refunds import request_refund, run_refund
from apps.reconciliation.models import Discrepancy, StatementFile, StatementLine
from apps.reconciliation.states import StatementFormat
from apps.reconciliation.tasks import reconcile_yesterday
from tests.factories.payments import SCOPE, TESTER
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    GATEWAY,
    NOON,
    Row,
    charge_row,
    csv_of,
    exceptions,
    paid,
    refund_row,
    run,
    upload,
)
from tests.reconciliation.test_statements import ADYEN_COLUMNS, adyen_row
from tests.reconciliation.test_tasks import TOMORROW

pytestmark = pytest.mark.django_db

COSTS = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
IN_DOLLARS = {"currency": "usd", "gross": "108.00", "fee": "3.43", "net": "104.57"}


@pytest.fixture(autouse=True)
def silent(gateway: FakeGateway) -> None:
    """Let the gateway tell neither fee nor rate when it takes money."""
    gateway.fee = None


def posted(code: str, currency: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency=currency, owner=owner).posted


def clearing() -> tuple[int, int]:
    return posted("gateway_clearing", "EUR", GATEWAY), posted("gateway_clearing", "USD", GATEWAY)


def tell(gateway: FakeGateway, attempt: PaymentAttempt, *, amount: int = 10_800) -> None:
    """Let the gateway know by now how it exchanged a payment."""
    gateway.rate = Decimal("1.08")
    settlement = gateway._settle(10_000, fee=343)
    assert settlement
    told = replace(settlement, amount=amount)
    key = next(key for key, each in gateway.payments.items() if each.attempt_id == attempt.id)
    gateway.payments[key] = replace(gateway.payments[key], settlement=told)


def refunded(attempt: PaymentAttempt, amount: int) -> Refund:
    asked = request_refund(
        scope=SCOPE, intent_id=attempt.intent_id, amount=amount, origin=TESTER, now=NOON
    )
    return run_refund(refund_id=asked.id, origin=TESTER, now=NOON)


def test_ac_045_an_exchange_told_after_the_capture_is_booked_by_the_nightly_run(
    gateway: FakeGateway,
) -> None:
    attempt = paid()
    assert clearing() == (10_000, 0)
    upload(charge_row(attempt, **IN_DOLLARS))
    tell(gateway, attempt)

    reconcile_yesterday(now=TOMORROW)

    assert exceptions() == []
    closed = Discrepancy.objects.get()
    assert (closed.kind, closed.resolved_by) == ("currency_mismatch", f"gateway:{GATEWAY}")
    assert clearing() == (0, 10_457)
    assert posted("gateway_fees", "USD", GATEWAY) == 343
    assert (posted("fx_clearing", "EUR"), posted("fx_clearing", "USD")) == (10_000, -10_800)
    assert (posted("sales", "EUR"), posted("suspense", "EUR")) == (10_000, 0)
    assert ExchangeRate.objects.get().value == Decimal("1.08")
    assert list(verify_books()) == []


def test_what_was_booked_so_does_not_open_again(gateway: FakeGateway) -> None:
    attempt = paid()
    upload(charge_row(attempt, **IN_DOLLARS))
    tell(gateway, attempt)
    reconcile_yesterday(now=TOMORROW)

    again = run()

    assert (again.exceptions_opened, again.exceptions_open, again.difference) == (0, 0, {})
    assert clearing() == (0, 10_457)


def test_a_refund_whose_exchange_is_told_late_as_well_closes_its_part(
    gateway: FakeGateway,
) -> None:
    attempt = paid()
    refund = refunded(attempt, 4_000)
    upload(
        charge_row(attempt, **IN_DOLLARS),
        refund_row(refund, currency="usd", gross="-44.00", fee="0.00", net="-44.00"),
    )
    tell(gateway, attempt)
    gateway.rate = Decimal("1.1")
    key = next(iter(gateway.refunds))
    gateway.refunds[key] = replace(gateway.refunds[key], settlement=gateway._settle(4_000))

    reconcile_yesterday(now=TOMORROW)

    assert exceptions() == []
    assert clearing() == (0, 10_457 - 4_400)
    assert posted("fx_gain_loss", "USD") == 4_320 - 4_400
    position = find_position(scope=SCOPE, payment=attempt.id)
    assert position is not None
    assert (position.amount, position.booked) == (6_000, 6_480)
    assert list(verify_books()) == []


def test_a_refund_after_that_is_exchanged_as_any_other(gateway: FakeGateway) -> None:
    attempt = paid()
    upload(charge_row(attempt, **IN_DOLLARS))
    tell(gateway, attempt)
    reconcile_yesterday(now=TOMORROW)

    refunded(attempt, 10_000)

    assert clearing() == (0, 10_457 - 10_800)
    assert (posted("fx_clearing", "EUR"), posted("fx_clearing", "USD")) == (0, 0)


@pytest.mark.parametrize("told", ["another amount", "nothing", "an error"])
def test_what_report_and_gateway_do_not_both_say_waits_for_a_person(
    gateway: FakeGateway, told: str
) -> None:
    attempt = paid()
    upload(charge_row(attempt, **IN_DOLLARS))
    if told == "another amount":
        tell(gateway, attempt, amount=10_900)
    elif told == "an error":
        gateway.before = [GatewayUnknown("out of order")]

    reconcile_yesterday(now=TOMORROW)

    assert [kind for kind, *_ in exceptions()] == ["currency_mismatch"]
    assert clearing() == (10_000, 0)
    assert not ExchangeRate.objects.exists()


def test_a_fee_that_is_booked_in_the_payments_currency_is_left_to_a_person(
    gateway: FakeGateway, settings: Any
) -> None:
    gateway.fee = 320
    attempt = paid()
    upload(charge_row(attempt, **IN_DOLLARS))
    tell(gateway, attempt)

    reconcile_yesterday(now=TOMORROW)

    assert exceptions() == [("currency_mismatch", 9_680, 10_457)]
    assert clearing() == (9_680, 0)


def exchanged_row(attempt: PaymentAttempt, type_: str, **changes: str) -> Row:
    """Return Adyen's row of a payment that was settled in dollars: at 1.08, 3.43 of costs."""
    row = adyen_row(
        type_,
        **{
            "Merchant Reference": attempt.id,
            "Net Currency": "USD",
            "Gross Credit (GC)": "100.00",
            "Net Credit (NC)": "104.57",
            **changes,
        },
    )
    return {**row, **dict.fromkeys(COSTS, ""), "Commission (NC)": "3.43", **changes}


def upload_adyens(*rows: Row) -> StatementFile:
    return upload(content=csv_of(rows, (*ADYEN_COLUMNS, *COSTS)), format=StatementFormat.ADYEN)


def test_ac_045_a_report_with_both_currencies_is_booked_without_asking(
    gateway: FakeGateway,
) -> None:
    attempt = paid()

    file = upload_adyens(exchanged_row(attempt, "Settled"))
    reconcile_yesterday(now=TOMORROW)

    assert (file.lines_new, file.lines_refused) == (1, 0)
    line = StatementLine.objects.get()
    assert (line.currency, line.gross, line.fee, line.net) == ("USD", 10_800, 343, 10_457)
    assert (line.paid_amount, line.paid_currency) == (10_000, "EUR")
    assert exceptions() == []
    assert clearing() == (0, 10_457)
    assert posted("gateway_fees", "USD", GATEWAY) == 343
    assert (posted("fx_clearing", "EUR"), posted("fx_clearing", "USD")) == (10_000, -10_800)
    assert ExchangeRate.objects.get().value == Decimal("1.08")
    assert gateway.count("retrieve_payment") == 0
    assert list(verify_books()) == []
    assert run().exceptions_opened == 0


def test_a_refund_in_such_a_report_closes_its_part_of_the_exchange(gateway: FakeGateway) -> None:
    attempt = paid()
    refund = refunded(attempt, 4_000)
    back = {
        "Modification Reference": "MOD2",
        "Modification Merchant Reference": refund.id,
        "Gross Credit (GC)": "", "Gross Debit (GC)": "40.00",
        "Net Credit (NC)": "", "Net Debit (NC)": "44.00",
        "Commission (NC)": "",
    }  # fmt: skip

    upload_adyens(exchanged_row(attempt, "Settled"), exchanged_row(attempt, "Refunded", **back))
    reconcile_yesterday(now=TOMORROW)

    assert exceptions() == []
    assert clearing() == (0, 10_457 - 4_400)
    assert posted("fx_gain_loss", "USD") == 4_320 - 4_400
    assert list(verify_books()) == []


@pytest.mark.parametrize(
    "changes",
    [{"Gross Credit (GC)": "101.00"}, {"Gross Currency": "GBP"}],
    ids=["another amount", "another currency"],
)
def test_a_report_that_says_something_else_was_paid_waits_for_a_person(
    gateway: FakeGateway, changes: dict[str, str]
) -> None:
    attempt = paid()

    upload_adyens(exchanged_row(attempt, "Settled", **changes))
    reconcile_yesterday(now=TOMORROW)

    assert [kind for kind, *_ in exceptions()] == ["currency_mismatch"]
    assert clearing() == (10_000, 0)
    assert not ExchangeRate.objects.exists()
