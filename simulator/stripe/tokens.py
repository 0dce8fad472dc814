"""Stripe's names for the common test cards."""

from simulator.tokens import CARDS_BY_NAME, CARDS_BY_TOKEN

# A token is exchanged for a payment method; these names are payment methods ready made, of which
# each use makes a new one.
CARDS_BY_READY_METHOD = {f"pm_card_{name}": card for name, card in CARDS_BY_NAME.items()}

__all__ = ["CARDS_BY_READY_METHOD", "CARDS_BY_TOKEN"]
