"""What reconciliation refuses, each named after the fact."""

from typing import ClassVar

from apps.common.errors import DomainError


class StatementUnreadable(DomainError):
    """The file as a whole cannot be read; a bad row alone never refuses its file."""

    code: ClassVar[str] = "statement_unreadable"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "This is no {format} statement: {reason}."


class StatementTooLarge(DomainError):
    code: ClassVar[str] = "statement_too_large"
    status: ClassVar[int] = 413
    template: ClassVar[str] = "A statement has at most {maximum} bytes."


class MonthNotReady(DomainError):
    """The books of a month cannot be closed while somebody still has to look at it."""

    code: ClassVar[str] = "month_not_reconciled"
    template: ClassVar[str] = "{month} cannot be closed: {reason}."


class AlreadyResolved(DomainError):
    code: ClassVar[str] = "exception_resolved"
    template: ClassVar[str] = "{exception} is {status}; only open exceptions can be resolved."


class CannotCorrect(DomainError):
    """No journal follows from the two sides alone; a person has to say more."""

    code: ClassVar[str] = "exception_not_correctable"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "No correcting journal follows from {kind}: {reason}."


class ReportNotFetched(DomainError):
    """The gateway could not be asked; whether it has a report stays open."""

    code: ClassVar[str] = "report_not_fetched"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The report of {gateway} for {day} could not be fetched: {reason}."
