"""
One account at a gateway with money of several merchants on it: whose is a line, whose a payout.

The gateway tells of all of it in one report, which is taken in for each merchant. Each keeps its
own lines; those that name nobody we know are the keeper's, who had money on the account first. Of a
payout each has what its own lines add up to.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Min

from apps.common.origin import Scope
from apps.ledger.chart import GATEWAY_CLEARING
from apps.ledger.models import Account
from apps.reconciliation.models import StatementFile, StatementLine
from apps.reconciliation.states import LineKind

_PAYOUTS: Final = f"('{LineKind.PAYOUT}', '{LineKind.PAYOUT_FAILURE}')"

# By our own reference, by the gateway's of what moved, and last by that of the payment it is about.
# A payout to the bank is everybody's, so it stays.
_LEAVE_TO_OTHERS: Final = f"""
WITH line AS (
    SELECT staged.number,
           staged.kind IN {_PAYOUTS} AND paid_out.id IS NULL AS is_joint,
           coalesce(attempt.merchant_id, own_refund.merchant_id, refund.merchant_id,
                    paid_out.merchant_id, disputed.merchant_id, payment.merchant_id) AS merchant_id,
           coalesce(attempt.livemode, own_refund.livemode, refund.livemode, paid_out.livemode,
                    disputed.livemode, payment.livemode) AS livemode
      FROM staged_line staged
      LEFT JOIN payments_paymentattempt attempt
        ON attempt.id = staged.our_reference AND attempt.gateway = %(gateway)s
      LEFT JOIN payments_refund own_refund ON own_refund.id = staged.our_reference
      LEFT JOIN payments_refund refund
        ON refund.gateway_reference = staged.object_reference AND refund.gateway_reference <> ''
      LEFT JOIN payouts_payout paid_out
        ON paid_out.gateway_reference = staged.object_reference
       AND paid_out.gateway_reference <> '' AND paid_out.gateway = %(gateway)s
      LEFT JOIN disputes_disputefunds funds
        ON funds.gateway_reference = staged.our_reference AND funds.gateway_reference <> ''
      LEFT JOIN disputes_dispute disputed
        ON disputed.id = funds.dispute_id AND disputed.gateway = %(gateway)s
      LEFT JOIN payments_paymentattempt payment
        ON payment.gateway_reference = staged.payment_reference
       AND payment.gateway_reference <> '' AND payment.gateway = %(gateway)s)
DELETE FROM staged_line staged USING line
 WHERE line.number = staged.number AND NOT line.is_joint
   AND CASE WHEN line.merchant_id IS NULL THEN NOT %(is_keeper)s
            ELSE (line.merchant_id, line.livemode) <> (%(merchant)s, %(livemode)s) END
"""  # noqa: S608 - constants of this module
# A payout that came back stands with each of several in full; a part of it is what was booked.
_SUM_PAYOUT: Final = f"""
SELECT line.merchant_id, count(*), sum(
           CASE WHEN %(is_shared)s AND line.kind = '{LineKind.PAYOUT_FAILURE}'
                THEN coalesce(returned.amount, 0) ELSE line.net END)
  FROM reconciliation_statementline line
  LEFT JOIN reconciliation_settlement returned
    ON line.kind = '{LineKind.PAYOUT_FAILURE}' AND returned.reference = line.object_reference
   AND returned.merchant_id = line.merchant_id AND returned.livemode = line.livemode
   AND returned.gateway = line.gateway
 WHERE line.merchant_id = ANY (%(merchants)s) AND line.livemode = %(livemode)s
   AND line.gateway = %(gateway)s AND line.payout_reference = %(reference)s
   AND line.payout_reference <> '' AND NOT line.is_duplicate
   AND line.kind <> '{LineKind.PAYOUT}'
 GROUP BY line.merchant_id
"""  # noqa: S608
# What the gateway held when it paid out by hand (AC-67); the payout itself counts once.
_SUM_BALANCE: Final = f"""
SELECT coalesce(sum(net), 0) FROM reconciliation_statementline
 WHERE merchant_id = ANY (%(merchants)s) AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND currency = %(currency)s AND NOT is_duplicate
   AND (merchant_id = %(merchant)s OR kind NOT IN {_PAYOUTS})
   AND (occurred_at, file_id, number) <= (%(at)s, %(file)s, %(number)s)
"""  # noqa: S608


class PartOfPayout(NamedTuple):
    """How many lines of a payout are a merchant's, and what they add up to in minor units."""

    lines: int
    net: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """
    Who has money on an account, in the order in which they came; a merchant's view of it.

    The merchant is one of them; one without money there is the last. Most accounts have just one.
    """

    scope: Scope
    gateway: str
    merchants: tuple[str, ...]

    @property
    def is_shared(self) -> bool:
        return len(self.merchants) > 1

    @property
    def is_keeper(self) -> bool:
        return self.merchants[0] == self.scope.merchant_id

    def sum_payout(self, reference: str) -> dict[str, PartOfPayout]:
        """Return each merchant's part of a payout, as far as its lines are there."""
        wish = {**self._params(), "is_shared": self.is_shared, "reference": reference}
        with connection.cursor() as cursor:
            cursor.execute(_SUM_PAYOUT, wish)
            return {
                merchant: PartOfPayout(lines, int(net))
                for merchant, lines, net in cursor.fetchall()
            }

    def sum_balance(self, line: StatementLine) -> int:
        """Return what the gateway held for all of them after a line of the report."""
        wish = {
            **self._params(),
            "currency": line.currency,
            "at": line.occurred_at,
            "file": line.file_id,
            "number": line.number,
        }
        with connection.cursor() as cursor:
            cursor.execute(_SUM_BALANCE, wish)
            return int(cursor.fetchone()[0])

    def is_first_of(self, merchants: set[str]) -> bool:
        """Return whether this merchant came before these others; the keeper before nobody."""
        if not merchants:
            return self.is_keeper
        return min(merchants, key=self.merchants.index) == self.scope.merchant_id

    def have_all_taken(self, file: StatementFile) -> bool:
        """Return whether a report was taken in for every merchant, so that no line is missing."""
        same = StatementFile.objects.filter(
            merchant_id__in=self.merchants,
            livemode=file.livemode,
            source=file.source,
            sha256=file.sha256,
        )
        return same.count() == len(self.merchants)

    def leave_to_others(self, cursor: Any) -> int:
        """Take from the staged lines those that are not this merchant's; return how many."""
        cursor.execute(_LEAVE_TO_OTHERS, {**self._params(), "is_keeper": self.is_keeper})
        return int(cursor.rowcount)

    def _params(self) -> dict[str, Any]:
        return {
            "merchant": self.scope.merchant_id,
            "merchants": list(self.merchants),
            "livemode": self.scope.livemode,
            "gateway": self.gateway,
        }


def find_sharing(scope: Scope, gateway: str) -> Sharing:
    """Return who has money on a gateway account, as the ledger knows."""
    accounts = Account.objects.filter(code=GATEWAY_CLEARING, owner=gateway, livemode=scope.livemode)
    first_seen = accounts.values_list("merchant_id").annotate(first=Min("id")).order_by("first")
    # A merchant may have a report before it has money.
    merchants = dict.fromkeys([*(merchant for merchant, _ in first_seen), scope.merchant_id])
    return Sharing(scope, gateway, tuple(merchants))
