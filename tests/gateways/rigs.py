"""What differs between gateways in the contract suite: how to build one, and its test tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from apps.gateways.adyen.adapter import AdyenGateway
from apps.gateways.base import DeclineClass, Gateway, GatewayAccount, Parcel, Timeouts
from apps.gateways.stripe.adapter import StripeGateway
from tests.gateways.memory_journal import MemoryJournal

# Where the goods of a test's payment go.
PARCEL = Parcel(
    name="Ada", phone="", line1="Main Street 1", line2="", postal_code="10115", city="Berlin",
    state="", country="DE", carrier="DHL", tracking_number="",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rig:
    """
    One kind of gateway as the contract suite drives it; `psp` is its name in the simulator.

    `tells_later`: it says "received" and tells the outcome in a webhook.
    """

    psp: str
    adapter: Callable[[GatewayAccount], Gateway]
    api_key: str = field(repr=False)
    card: str
    one_time_card: str
    challenged_card: str
    frictionless_card: str
    off_session_challenged_card: str
    failing_checks: Mapping[str, str]
    declines: Mapping[str, tuple[str, DeclineClass]]
    webhook_secret: str = field(default="whsec_contract_suite", repr=False)
    merchant_account: str = ""
    tells_fees: bool = True
    tells_later: bool = False

    def build(self, api_base: str, timeouts: Timeouts) -> Gateway:
        return self.adapter(
            GatewayAccount(
                name=f"{self.psp}_main",
                api_key=self.api_key,
                api_base=api_base,
                merchant_account=self.merchant_account,
                webhook_secrets=(self.webhook_secret,),
                timeouts=timeouts,
            )
        )


STRIPE = Rig(
    psp="stripe",
    adapter=StripeGateway,
    api_key="sk_test_simulator",
    card="pm_card_visa",
    one_time_card="tok_visa",
    challenged_card="tok_threeDSecure2Required",
    frictionless_card="tok_threeDSecureOptional",
    off_session_challenged_card="tok_authenticationRequired",
    failing_checks={"cvc_check": "tok_cvcCheckFail", "avs_line1_check": "tok_avsFail"},
    declines={
        "tok_chargeDeclined": ("generic_decline", DeclineClass.RETRYABLE),
        "tok_chargeDeclinedInsufficientFunds": ("insufficient_funds", DeclineClass.RETRYABLE),
        "tok_chargeDeclinedStolenCard": ("stolen_card", DeclineClass.TERMINAL),
        "tok_chargeDeclinedExpiredCard": ("expired_card", DeclineClass.TERMINAL),
        "tok_chargeDeclinedProcessingError": ("processing_error", DeclineClass.RETRYABLE),
        "tok_riskLevelHighest": ("fraudulent", DeclineClass.FRAUD),
    },
)

ADYEN = Rig(
    psp="adyen",
    adapter=lambda account: AdyenGateway(account, journal=MemoryJournal(), clock=timezone.now),
    api_key="adyen_test_simulator",
    merchant_account="DevelopmentMerchant",
    webhook_secret="0123456789abcdef" * 4,
    card="tok_visa",
    one_time_card="tok_visa",
    challenged_card="tok_threeDSecure2Required",
    frictionless_card="tok_threeDSecureOptional",
    off_session_challenged_card="tok_authenticationRequired",
    failing_checks={"cvc_check": "tok_cvcCheckFail", "avs_line1_check": "tok_avsFail"},
    declines={
        "tok_chargeDeclined": ("refused", DeclineClass.RETRYABLE),
        "tok_chargeDeclinedInsufficientFunds": ("not_enough_balance", DeclineClass.RETRYABLE),
        "tok_chargeDeclinedStolenCard": ("blocked_card", DeclineClass.TERMINAL),
        "tok_chargeDeclinedExpiredCard": ("expired_card", DeclineClass.TERMINAL),
        "tok_chargeDeclinedProcessingError": ("acquirer_error", DeclineClass.RETRYABLE),
        "tok_riskLevelHighest": ("fraud", DeclineClass.FRAUD),
    },
    tells_fees=False,
    tells_later=True,
)

RIGS = [STRIPE, ADYEN]
