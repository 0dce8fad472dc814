"""Payouts of the account's available balance to the merchant's bank."""

from simulator.stripe.account import PSP, Account, Cause, find
from simulator.stripe.errors import InvalidParameter, InvalidRequest
from simulator.stripe.forms import Params
from simulator.stripe.objects import show_payout
from simulator.stripe.records import Payout

# Bank accounts which behave as banks sometimes do: closed, or closed as it turns out later.
CLOSED_ACCOUNT = "ba_closed"
RETURNING_ACCOUNT = "ba_returned"


class Payouts:
    """The payouts of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, params: Params, cause: Cause) -> Payout:
        """
        Send available money to the bank; it arrives after a while.

        :raises InvalidRequest: less is available
        """
        account = self._account
        currency = params.currency()
        amount = params.required_integer("amount")
        if amount <= 0:
            raise InvalidParameter(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param="amount",
            )
        if amount > self._available(currency):
            raise InvalidRequest(
                "You have insufficient funds in your Stripe account for this transfer.",
                code="balance_insufficient",
            )
        payout_id = account.new_id("po")
        movement = account.world.books.move(
            psp=PSP,
            kind="payout",
            source=payout_id,
            amount=-amount,
            fee=0,
            currency=currency,
        )
        payout = Payout(
            id=payout_id,
            created=account.now,
            amount=amount,
            currency=currency,
            movement=movement,
            destination=params.text("destination") or None,
            description=params.text("description") or None,
            statement_descriptor=params.text("statement_descriptor") or None,
            metadata=params.metadata(),
        )
        account.movements[movement.id] = movement
        account.payouts[payout.id] = payout
        account.publish(cause, "payout.created", show_payout(payout))
        account.world.agenda.after(account.world.settings.payout_delay, lambda: self.arrive(payout))
        return payout

    def get(self, reference: str) -> Payout:
        """
        Return a payout.

        :raises ResourceMissing: there is none
        """
        return find(self._account.payouts, reference, "payout")

    def arrive(self, payout: Payout) -> None:
        """Hear from the bank: the money reached it, or it does not know the account."""
        if payout.status != "pending":
            return
        if payout.destination == CLOSED_ACCOUNT:
            self.fail(payout)
            return
        payout.status = "paid"
        self._tell(payout, "payout.paid")
        if payout.destination == RETURNING_ACCOUNT:
            delay = self._account.world.settings.payout_delay
            self._account.world.agenda.after(delay, lambda: self.fail(payout))

    def fail(self, payout: Payout) -> None:
        """Get the money back, even if the bank had said that it arrived."""
        if payout.status == "failed":
            return
        payout.status, payout.failure_code = "failed", "account_closed"
        account = self._account
        movement = account.world.books.move(
            psp=PSP,
            kind="payout_failure",
            source=payout.id,
            amount=payout.amount,
            fee=0,
            currency=payout.currency,
        )
        account.movements[movement.id] = movement
        self._tell(payout, "payout.failed")

    def _tell(self, payout: Payout, event: str) -> None:
        self._account.happen(lambda cause: self._account.publish(cause, event, show_payout(payout)))

    def _available(self, currency: str) -> int:
        now = self._account.now
        return sum(
            movement.net
            for movement in self._account.movements.values()
            if movement.currency == currency and movement.available_on <= now
        )
