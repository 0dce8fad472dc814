import pytest

from apps.gateways.base import DeclineClass
from apps.gateways.declines import REASONS, STRIPE_REASONS, Reason, classify_decline


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("generic_decline", DeclineClass.RETRYABLE),
        ("insufficient_funds", DeclineClass.RETRYABLE),
        ("processing_error", DeclineClass.RETRYABLE),
        ("issuer_not_available", DeclineClass.RETRYABLE),
        ("incorrect_cvc", DeclineClass.RETRYABLE),
        ("expired_card", DeclineClass.TERMINAL),
        ("lost_card", DeclineClass.TERMINAL),
        ("stolen_card", DeclineClass.TERMINAL),
        ("pickup_card", DeclineClass.TERMINAL),
        ("card_not_supported", DeclineClass.TERMINAL),
        ("debit_disputed", DeclineClass.TERMINAL),
        ("fraudulent", DeclineClass.FRAUD),
        ("highest_risk_level", DeclineClass.FRAUD),
        ("authentication_required", DeclineClass.AUTHENTICATION_REQUIRED),
        ("payment_intent_authentication_failure", DeclineClass.AUTHENTICATION_REQUIRED),
    ],
)
def test_stripes_codes_have_their_class(code: str, error_class: DeclineClass) -> None:
    assert classify_decline(STRIPE_REASONS, code).error_class is error_class


@pytest.mark.parametrize("code", ["", "unknown", "a_code_of_next_year", "INSUFFICIENT_FUNDS"])
@pytest.mark.parametrize("advice", ["", "try_again_later", "confirm_card_data"])
def test_unknown_codes_are_never_retryable(code: str, advice: str) -> None:
    reason = classify_decline(STRIPE_REASONS, code, advice_code=advice)

    assert reason.error_class is DeclineClass.TERMINAL


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("generic_decline", DeclineClass.TERMINAL),
        ("insufficient_funds", DeclineClass.TERMINAL),
        ("authentication_required", DeclineClass.TERMINAL),
        ("fraudulent", DeclineClass.FRAUD),
    ],
)
def test_the_advice_not_to_try_again_wins(code: str, error_class: DeclineClass) -> None:
    reason = classify_decline(STRIPE_REASONS, code, advice_code="do_not_try_again")

    assert reason.error_class is error_class


def test_every_reason_is_in_the_table_with_advice() -> None:
    assert set(REASONS) == set(Reason)
    assert all(reason.advice.endswith(".") for reason in REASONS.values())


def test_the_payer_is_never_told_that_a_card_counts_as_stolen() -> None:
    told = {
        classify_decline(STRIPE_REASONS, code).advice
        for code in ("do_not_honor", "fraudulent", "lost_card", "pickup_card", "stolen_card")
    }

    assert told == {
        "Your bank declined the payment. Please contact it, or use another payment method."
    }
