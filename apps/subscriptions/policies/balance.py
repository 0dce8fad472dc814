"""What a customer's balance does to an invoice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settlement:
    """`applied` is what the balance takes of the total; `amount_due` is left to pay with money."""

    applied: int
    amount_due: int
    ending_balance: int


def settle_with_balance(*, total: int, balance: int, smallest_charge: int) -> Settlement:
    """
    Set an invoice's total off against the customer's balance (below zero: their credit).

    What would be below zero is kept as credit and not paid out (AC-22); what no gateway charges
    because it is too small is owed until the next invoice, as Stripe does.
    """
    owed = total + balance
    if owed < smallest_charge:
        return Settlement(applied=total, amount_due=0, ending_balance=owed)
    return Settlement(applied=-balance, amount_due=owed, ending_balance=0)


def credit_change(*, before: int, after: int) -> int:
    """Return by how much the customer's credit grows (below zero: is used) between balances."""
    return max(0, -after) - max(0, -before)
