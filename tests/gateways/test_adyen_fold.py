"""What Adyen does not tell and has to be known: how long a card's bank holds money for us."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.gateways.adyen.fold import fold_payment
from apps.gateways.adyen.journal import Fact
from apps.gateways.base import PaymentState

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("brand", "initiator", "days"),
    [
        ("visa", "merchant", 5),
        ("visa", "payer", 7),
        ("visadebit", "merchant", 5),
        ("mc", "merchant", 7),
        ("amex", "merchant", 7),
        ("discover", "payer", 7),
        ("visa", "", 7),
    ],
)
def test_ac_048_the_scheme_says_how_long_the_money_is_held(
    brand: str, initiator: str, days: int
) -> None:
    held = Fact(
        code="AUTHORISATION",
        success=True,
        reference="PSP1",
        payment_reference="PSP1",
        merchant_reference="att_1",
        amount=1050,
        currency="EUR",
        occurred_at=AT,
        details={
            "metadata.capture": "manual",
            "metadata.initiator": initiator,
            "paymentMethod": brand,
            "cardSummary": "1111",
        },
    )

    payment = fold_payment([held])

    assert payment.state == PaymentState.AUTHORIZED
    assert payment.authorization_expires_at == AT + timedelta(days=days)
