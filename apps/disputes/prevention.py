"""What it costs to refund a payment that its bank calls a fraud, and what to be disputed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.common.ids import first_id
from apps.common.origin import Scope
from apps.disputes.models import Dispute, FraudReport
from apps.disputes.ratios import WinRate, win_rate
from apps.disputes.selectors import count_outcomes

# Ours: what a bank warns of it mostly disputes within days, and a refund spares that only before.
REFUND_WITHIN = timedelta(days=3)
# Fees change now and then; what a gateway took longer ago says little.
_FEE_WITHIN = timedelta(days=180)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """
    The choice about a warned payment, in minor units of its currency.

    `fee` is what the gateway took for the latest dispute in this currency, None when it took none
    lately; `rate` is how often disputes for fraud are won.
    """

    refund: int
    fee: int | None
    rate: WinRate

    @property
    def dispute_lost(self) -> int:
        return self.refund + (self.fee or 0)

    @property
    def dispute_won(self) -> int:
        return self.fee or 0


def with_openness(reports: QuerySet[FraudReport]) -> QuerySet[FraudReport]:
    """
    Return the warnings with `is_disputed`, and `is_open` while a refund can still spare a dispute.

    That is until the payment was disputed, or given back in full.
    """
    disputes = Dispute.objects.filter(attempt_id=OuterRef("attempt_id"))
    return reports.select_related("attempt__intent").annotate(
        is_disputed=Exists(disputes),
        is_open=Q(is_actionable=True)
        & Q(is_disputed=False)
        & Q(attempt__intent__amount_refunded__lt=F("attempt__intent__amount_received")),
    )


def list_warnings(scope: Scope) -> QuerySet[FraudReport]:
    """Return the banks' warnings within the walls, each with `is_open`."""
    return with_openness(
        FraudReport.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    )


def weigh_refund(report: FraudReport, *, now: datetime) -> Prospect:
    """Return what a refund of the payment costs now, and what a dispute would."""
    attempt = report.attempt
    told = Dispute.objects.filter(
        merchant_id=report.merchant_id,
        livemode=report.livemode,
        gateway=report.gateway,
        funds_currency=attempt.currency,
        round=1,
        amount_fees__gt=0,
        pk__gte=first_id("dp", now - _FEE_WITHIN),
    )
    counts = count_outcomes(report.scope, reason="fraudulent")
    return Prospect(
        refund=attempt.intent.amount_refundable,
        fee=told.order_by("-pk").values_list("amount_fees", flat=True).first(),
        rate=win_rate(won=counts.won, lost=counts.lost),
    )
