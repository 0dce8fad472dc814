"""Reports of the ledger: what its accounts say about the days that count."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from apps.backoffice.kit.display import words
from apps.backoffice.sheets import Cell, Sheet
from apps.ledger.chart import CHART
from apps.ledger.selectors import TrialLine, list_trial_balance_through
from apps.ledger.states import AccountKind
from apps.reporting.reports.cells import major
from apps.reporting.spans import Span

TRIAL_BALANCE: Final = "Trial balance"
RESULT: Final = "Revenue and costs"
_CHART: Final = {line.code: line for line in CHART}
# Accounts of gateways and banks keep their owner; there are too many sellers and customers.
_OWNED_BY_FEW: Final = frozenset(
    line.code for line in CHART if line.owner in {"gateway account", "bank account"}
)


@dataclass(slots=True)
class AccountMonth:
    """One account: debits less credits before the span, and what was booked in it."""

    before: int = 0
    debit: int = 0
    credit: int = 0

    @property
    def after(self) -> int:
        """Return debits less credits at the end."""
        return self.before + self.debit - self.credit


Name = tuple[str, str, str]


def read_accounts(span: Span) -> dict[Name, AccountMonth]:
    """Return each (currency, code, owner) before, in and after the span, by value days."""
    accounts: defaultdict[Name, AccountMonth] = defaultdict(AccountMonth)
    day_before = span.since.date() - timedelta(days=1)
    for name, line in _lines(span, day_before):
        accounts[name].before += line.debit - line.credit
        accounts[name].debit -= line.debit
        accounts[name].credit -= line.credit
    for name, line in _lines(span, span.last_day):
        accounts[name].debit += line.debit
        accounts[name].credit += line.credit
    return dict(sorted(accounts.items()))


def _lines(span: Span, day: date) -> Iterator[tuple[Name, TrialLine]]:
    for line in list_trial_balance_through(scope=span.scope, day=day):
        if span.covers(line.currency):
            owner = line.owner if line.code in _OWNED_BY_FEW else ""
            yield (line.currency, line.code, owner), line


def trial_balance(span: Span) -> Sequence[Sheet]:
    """Return every account before, in and after the span, and that the columns balance."""
    return [trial_sheet(read_accounts(span))]


def trial_sheet(accounts: Mapping[Name, AccountMonth]) -> Sheet:
    """Return the accounts with a line of sums per currency."""
    columns = ("account", "owner", "currency", "opening", "debit", "credit", "closing")
    rows: list[Sequence[Cell]] = []
    for currency in sorted({currency for currency, _, _ in accounts}):
        mine = {name: account for name, account in accounts.items() if name[0] == currency}
        rows += [
            _trial_row(words(code), owner, currency, account)
            for (_, code, owner), account in mine.items()
            if account != AccountMonth()
        ]
        rows.append(_trial_row("Total", "", currency, _sum(mine.values())))
    return Sheet(columns, rows, title=TRIAL_BALANCE)


def _sum(accounts: Iterable[AccountMonth]) -> AccountMonth:
    total = AccountMonth()
    for account in accounts:
        total.before += account.before
        total.debit += account.debit
        total.credit += account.credit
    return total


def _trial_row(title: str, owner: str, currency: str, account: AccountMonth) -> Sequence[Cell]:
    amounts = (account.before, account.debit, account.credit, account.after)
    return (title, owner, currency, *(major(amount, currency) for amount in amounts))


def result_sheet(accounts: Mapping[Name, AccountMonth]) -> Sheet:
    """Return income and costs of the span; costs and what reduces income stand below zero."""
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for (currency, code, _), account in accounts.items():
        if _CHART[code].kind in {AccountKind.INCOME, AccountKind.EXPENSE}:
            sums[currency, code] += account.credit - account.debit
    rows: list[Sequence[Cell]] = []
    for currency in sorted({currency for currency, _ in sums}):
        mine = {code: amount for (other, code), amount in sums.items() if other == currency}
        rows += [
            (words(line.code), currency, major(mine[line.code], currency))
            for line in CHART
            if mine.get(line.code)
        ]
        rows.append(("Result", currency, major(sum(mine.values()), currency)))
    return Sheet(("line", "currency", "amount"), rows, title=RESULT)
