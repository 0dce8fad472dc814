"""Refusals of the ledger."""

from typing import ClassVar

from apps.common.errors import DomainError


class EntryUnbalanced(DomainError):
    """Debits and credits differ in a currency or layer."""

    code: ClassVar[str] = "ledger_entry_unbalanced"
    status: ClassVar[int] = 400


class EntryIncomplete(DomainError):
    """The entry has fewer than two legs, or legs of zero."""

    code: ClassVar[str] = "ledger_entry_incomplete"
    status: ClassVar[int] = 400


class EntryConflict(DomainError):
    """The same fact of the same source was booked before with other content."""

    code: ClassVar[str] = "ledger_entry_conflict"


class EntryAlreadyReversed(DomainError):
    code: ClassVar[str] = "ledger_entry_already_reversed"


class AccountUnsuitable(DomainError):
    """A leg names an account of another currency, merchant or mode, or none of the chart."""

    code: ClassVar[str] = "ledger_account_unsuitable"
    status: ClassVar[int] = 400


class AccountClosed(DomainError):
    code: ClassVar[str] = "ledger_account_closed"


class AccountNotEmpty(DomainError):
    """Only an account whose balances are zero can be closed."""

    code: ClassVar[str] = "ledger_account_not_empty"


class BalanceInsufficient(DomainError):
    """The account would fall below its floor."""

    code: ClassVar[str] = "balance_insufficient"
    status: ClassVar[int] = 400


class PeriodClosed(DomainError):
    """The period is closed already, or has not ended yet."""

    code: ClassVar[str] = "ledger_period_closed"


class BookedTooLate(DomainError):
    """The entry's own time lies before the last snapshot of the balances."""

    code: ClassVar[str] = "ledger_booked_too_late"


class RateMissing(DomainError):
    """Nobody told this exchange rate yet."""

    code: ClassVar[str] = "exchange_rate_missing"
    template: ClassVar[str] = "There is no rate {base}/{quote}."


class RateStale(DomainError):
    """The exchange rate is older than allowed."""

    code: ClassVar[str] = "exchange_rate_stale"
    template: ClassVar[str] = (
        "The rate {base}/{quote} of {source} is from {as_of}; at most {max_age} old is allowed."
    )
