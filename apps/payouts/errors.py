"""What sellers' money refuses, each named after the fact."""

from typing import ClassVar

from apps.common.errors import DomainError


class SellerSuspended(DomainError):
    code: ClassVar[str] = "account_suspended"
    template: ClassVar[str] = "{seller} is suspended: nothing is paid out."


class SellerWithoutDestination(DomainError):
    code: ClassVar[str] = "account_without_external_account"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{seller} has no external_account to pay out to."


class WalletTooEmpty(DomainError):
    """The wallet has less than what shall leave it."""

    code: ClassVar[str] = "balance_insufficient"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is more than the {available} available in the wallet."


class PayoutBelowMinimum(DomainError):
    code: ClassVar[str] = "amount_too_small"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is below the account's minimum payout of {minimum}."


class PayoutAmountUneven(DomainError):
    """Banks move some currencies in whole units only, though they have decimals."""

    code: ClassVar[str] = "amount_granularity"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "Payouts in {currency} are multiples of {step}; not {requested}."


class PayoutNotCancelable(DomainError):
    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{payout} is {status} and cannot be canceled any more."


class TransferCurrencyMismatch(DomainError):
    code: ClassVar[str] = "currency_mismatch"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The charge is in {charged}; the transfer cannot be in {requested}."


class TransferExceedsSource(DomainError):
    code: ClassVar[str] = "transfer_exceeds_source"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is more than the {left} of the charge not transferred."


class ReversalExceedsTransfer(DomainError):
    code: ClassVar[str] = "reversal_exceeds_transfer"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is more than the {reversible} that can be taken back."
