"""Read the books: balances now and then, wallets, the trial balance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import connection

from apps.common.ids import first_id
from apps.common.origin import Scope
from apps.ledger import chart
from apps.ledger.models import Account
from apps.ledger.states import Side

# Nothing is booked longer before the day that it counts for.
BOOKED_EARLY_MAX: Final = timedelta(days=92)


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountBalance:
    """
    Minor units seen from the account's normal side.

    `pending` is held or announced; `available` is what is posted less what is held.
    """

    posted: int
    pending: int

    @property
    def available(self) -> int:
        return self.posted + min(self.pending, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wallet:
    """What a seller has in one currency: on its way, payable now, held back."""

    pending: int
    available: int
    reserved: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialLine:
    """One account in the trial balance: the sums of its debits and credits, posted only."""

    code: str
    owner: str
    currency: str
    debit: int
    credit: int


def find_account(*, scope: Scope, code: str, currency: str, owner: str = "") -> Account | None:
    """Return the account, or None when nothing was booked on it yet."""
    return Account.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        code=code,
        currency=currency.upper(),
        owner=owner,
    ).first()


def get_balance(account: Account) -> AccountBalance:
    """Return the balance now: one index probe, however many entries the account has."""
    return _read_balance(account, _BALANCE, {"account": account.id})


def get_balance_as_of(account: Account, moment: datetime) -> AccountBalance:
    """Return the balance of what was booked before `moment`: last snapshot plus the tail."""
    return _read_balance(
        account, _BALANCE_AS_OF, {"account": account.id, "end": first_id("jrn", moment)}
    )


def balance_of(*, scope: Scope, code: str, currency: str, owner: str = "") -> AccountBalance:
    """Return the balance of an account by its name; zero when nothing was booked yet."""
    account = find_account(scope=scope, code=code, currency=currency, owner=owner)
    return get_balance(account) if account else AccountBalance(posted=0, pending=0)


def get_wallet(*, scope: Scope, seller_id: str, currency: str) -> Wallet:
    """Return a seller's wallet in one currency."""
    pending, payable, reserve = (
        balance_of(scope=scope, code=code, currency=currency, owner=seller_id)
        for code in (chart.SELLER_PENDING, chart.SELLER_PAYABLE, chart.SELLER_RESERVE)
    )
    return Wallet(pending=pending.posted, available=payable.available, reserved=reserve.posted)


def get_authorised(*, scope: Scope, gateway: str, currency: str) -> int:
    """Return what is authorised at a gateway account and neither captured nor voided."""
    return balance_of(
        scope=scope, code=chart.GATEWAY_CLEARING, currency=currency, owner=gateway
    ).pending


def list_trial_balance(*, scope: Scope, as_of: datetime | None = None) -> list[TrialLine]:
    """Return every account's debits and credits; per currency the two columns are equal."""
    sql = _TRIAL if as_of is None else _TRIAL_AS_OF
    params: dict[str, str | bool] = {
        "merchant": scope.merchant_id,
        "livemode": scope.livemode,
        "end": first_id("jrn", as_of) if as_of else "",
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [
            TrialLine(
                code=code, owner=owner, currency=currency, debit=int(debit), credit=int(credit)
            )
            for code, owner, currency, debit, credit in cursor.fetchall()
        ]


def list_trial_balance_through(*, scope: Scope, day: date) -> list[TrialLine]:
    """
    Return every account's debits and credits of the entries that count for `day` or before.

    That is what stood booked when the day ended, with what was booked later for its days, and
    without what was booked before for later ones, as far as that is no more than BOOKED_EARLY_MAX.
    """
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
    standing = list_trial_balance(scope=scope, as_of=end)
    sums = {(row.code, row.owner, row.currency): (row.debit, row.credit) for row in standing}
    params: dict[str, str | bool | date] = {
        "merchant": scope.merchant_id,
        "livemode": scope.livemode,
        "day": day,
        "end": first_id("jrn", end),
        "early": first_id("jrn", end - BOOKED_EARLY_MAX),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL_MOVED, params)
        for *name, debit, credit in cursor.fetchall():
            code, owner, currency = name
            before = sums.get((code, owner, currency), (0, 0))
            sums[code, owner, currency] = (before[0] + int(debit), before[1] + int(credit))
    return [
        TrialLine(code=code, owner=owner, currency=currency, debit=debit, credit=credit)
        for (code, owner, currency), (debit, credit) in sorted(
            sums.items(), key=lambda row: (row[0][2], row[0][0], row[0][1])
        )
    ]


def _read_balance(account: Account, sql: str, params: Mapping[str, int | str]) -> AccountBalance:
    sign = 1 if account.normal_side == Side.DEBIT else -1
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        posted, pending = cursor.fetchone()
    return AccountBalance(posted=sign * int(posted), pending=sign * int(pending))


_BALANCE = """
SELECT coalesce(sum(debit_posted - credit_posted), 0),
       coalesce(sum(debit_pending - credit_pending), 0)
  FROM ledger_balance WHERE account_id = %(account)s
"""

_BALANCE_AS_OF = """
WITH snapshot AS (
    SELECT before_id, debit_posted - credit_posted AS posted,
           debit_pending - credit_pending AS pending
      FROM ledger_balancesnapshot
     WHERE account_id = %(account)s AND before_id <= %(end)s
     ORDER BY before_id DESC LIMIT 1),
tail AS (
    SELECT sum(amount) FILTER (WHERE layer = 'posted') AS posted,
           sum(amount) FILTER (WHERE layer = 'pending') AS pending
      FROM ledger_posting
     WHERE account_id = %(account)s AND entry_id < %(end)s
       AND entry_id >= coalesce((SELECT before_id FROM snapshot), ''))
SELECT coalesce((SELECT posted FROM snapshot), 0) + coalesce(posted, 0),
       coalesce((SELECT pending FROM snapshot), 0) + coalesce(pending, 0)
  FROM tail
"""

_TRIAL = """
SELECT account.code, account.owner, account.currency, sum(debit_posted), sum(credit_posted)
  FROM ledger_account account JOIN ledger_balance balance ON balance.account_id = account.id
 WHERE account.merchant_id = %(merchant)s AND account.livemode = %(livemode)s
 GROUP BY account.id ORDER BY account.currency, account.code, account.owner
"""

_TRIAL_AS_OF = """
SELECT account.code, account.owner, account.currency,
       coalesce(snapshot.debit_posted, 0) + tail.debit,
       coalesce(snapshot.credit_posted, 0) + tail.credit
  FROM ledger_account account
  LEFT JOIN LATERAL (
       SELECT before_id, debit_posted, credit_posted FROM ledger_balancesnapshot
        WHERE account_id = account.id AND before_id <= %(end)s
        ORDER BY before_id DESC LIMIT 1) snapshot ON true
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debit,
              coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credit
         FROM ledger_posting
        WHERE account_id = account.id AND layer = 'posted' AND entry_id < %(end)s
          AND entry_id >= coalesce(snapshot.before_id, '')) tail
 WHERE account.merchant_id = %(merchant)s AND account.livemode = %(livemode)s
 ORDER BY account.currency, account.code, account.owner
"""

# Entries of the days up to the end that were booked after it count in, and the other way round.
_TRIAL_MOVED = """
SELECT account.code, account.owner, account.currency,
       sum(sign * greatest(posting.amount, 0)), sum(-sign * least(posting.amount, 0))
  FROM ledger_journalentry entry
 CROSS JOIN LATERAL (SELECT CASE WHEN entry.id >= %(end)s THEN 1 ELSE -1 END AS sign) side
  JOIN ledger_posting posting ON posting.entry_id = entry.id AND posting.layer = 'posted'
  JOIN ledger_account account ON account.id = posting.account_id
 WHERE entry.merchant_id = %(merchant)s AND entry.livemode = %(livemode)s
   AND entry.id >= %(early)s
   AND CASE WHEN entry.id >= %(end)s THEN entry.value_on <= %(day)s
            ELSE entry.value_on > %(day)s END
 GROUP BY account.code, account.owner, account.currency
"""
