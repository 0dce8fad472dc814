"""Setup intents: a payment method is saved for later, with the payer present."""

from simulator.stripe.account import Account, Cause, find
from simulator.stripe.authentication import judge
from simulator.stripe.charging import return_url_of
from simulator.stripe.errors import CardDeclined, InvalidRequest, unexpected_state
from simulator.stripe.forms import Params
from simulator.stripe.method_objects import show_method
from simulator.stripe.methods import Methods, check_chargeable
from simulator.stripe.objects import show_decline, show_setup_intent
from simulator.stripe.records import IntentStatus, PaymentMethod, SetupIntent
from simulator.three_ds import Challenge, ChallengeOutcome

_CONFIRMABLE = {
    IntentStatus.REQUIRES_PAYMENT_METHOD,
    IntentStatus.REQUIRES_CONFIRMATION,
    IntentStatus.REQUIRES_ACTION,
}
_CANCELLATION_REASONS = ("", "abandoned", "requested_by_customer", "duplicate")


class Setups:
    """The setup intents of one account."""

    def __init__(self, account: Account, methods: Methods) -> None:
        self._account = account
        self._methods = methods

    def create(self, params: Params, cause: Cause) -> SetupIntent:
        """
        Create a setup intent, and confirm it when asked to.

        :raises CardDeclined: the bank refused to save the card
        """
        account = self._account
        setup_id = account.new_id("seti")
        setup = SetupIntent(
            id=setup_id,
            created=account.now,
            client_secret=f"{setup_id}_secret_{account.world.ids.random_text(24)}",
            usage=params.choice("usage", ("off_session", "on_session")),
            metadata=params.metadata(),
            description=params.text("description") or None,
            allowed_types=tuple(params.texts("allowed_payment_method_types")),
        )
        if params.text("customer"):
            customer = params.text("customer")
            find(account.customers, customer, "customer", param="customer")
            setup.customer = customer
        self._take_method(setup, params)
        account.setups[setup.id] = setup
        self._tell(setup, "setup_intent.created", cause)
        if params.boolean("confirm"):
            self._confirm(setup, params, cause)
        return setup

    def confirm(self, reference: str, params: Params, cause: Cause) -> SetupIntent:
        """
        Save the payment method.

        :raises InvalidRequest: the status does not allow it
        :raises CardDeclined: the bank refused
        """
        setup = self.get(reference)
        if setup.status not in _CONFIRMABLE:
            raise _unexpected(setup, "confirmed")
        self._take_method(setup, params)
        self._confirm(setup, params, cause)
        return setup

    def cancel(self, reference: str, params: Params, cause: Cause) -> SetupIntent:
        """
        Give up.

        :raises InvalidRequest: it is too late
        """
        setup = self.get(reference)
        if setup.status not in _CONFIRMABLE:
            raise _unexpected(setup, "canceled")
        reason = params.choice("cancellation_reason", _CANCELLATION_REASONS)
        setup.status = IntentStatus.CANCELED
        setup.cancellation_reason = reason or None
        self._tell(setup, "setup_intent.canceled", cause)
        return setup

    def get(self, reference: str) -> SetupIntent:
        """
        Return a setup intent.

        :raises ResourceMissing: there is none
        """
        return find(self._account.setups, reference, "setup_intent", param="intent")

    def finish_challenge(self, setup: SetupIntent, outcome: ChallengeOutcome) -> None:
        """Hear from the bank's page what the payer did."""
        if setup.status == IntentStatus.REQUIRES_ACTION:
            self._account.happen(lambda cause: self._finish_challenge(setup, outcome, cause))

    def _finish_challenge(
        self, setup: SetupIntent, outcome: ChallengeOutcome, cause: Cause
    ) -> None:
        method = setup.method
        if method is None:
            return
        if outcome == ChallengeOutcome.APPROVE:
            self._save(setup, method, cause)
            return
        self._fail(
            setup,
            {
                "code": "setup_intent_authentication_failure",
                "message": "The latest attempt to set up the payment method has failed because "
                "authentication failed.",
                "payment_method": show_method(method),
                "type": "invalid_request_error",
            },
            cause,
        )

    def _take_method(self, setup: SetupIntent, params: Params) -> None:
        if params.has("payment_method_data"):
            setup.method = self._methods.create(params.part("payment_method_data"))
        elif params.text("payment_method"):
            setup.method = self._methods.get(params.text("payment_method"))
        else:
            return
        check_chargeable(setup.method, setup.customer)
        if setup.status == IntentStatus.REQUIRES_PAYMENT_METHOD:
            setup.status = IntentStatus.REQUIRES_CONFIRMATION

    def _confirm(self, setup: SetupIntent, params: Params, cause: Cause) -> None:
        method = setup.method
        if method is None:
            raise unexpected_state(
                "setup_intent",
                "You cannot confirm this SetupIntent because it's missing a payment method.",
                show_setup_intent(setup),
            )
        setup.return_url = params.text("return_url") or setup.return_url
        setup.shown_error = None
        self._take_mandate(setup, method, params)
        card = method.card
        if card and card.decline and not card.can_be_saved:
            error = show_decline(card.decline, charge="")
            self._fail(setup, {**error, "payment_method": show_method(method)}, cause)
            raise CardDeclined(
                **error,
                payment_method=show_method(method),
                setup_intent=show_setup_intent(setup),
            )
        if judge(method, is_off_session=False, request="automatic").needs_payer:
            self._ask_payer(setup, method, cause)
        else:
            self._save(setup, method, cause)

    def _take_mandate(self, setup: SetupIntent, method: PaymentMethod, params: Params) -> None:
        if method.card:
            return
        if not params.has("mandate_data"):
            raise InvalidRequest(
                "This SetupIntent requires a mandate. Collect mandate acceptance from the "
                "customer and provide `mandate_data`.",
                code="setup_intent_mandate_invalid",
                param="mandate_data",
            )
        method.mandate = method.mandate or self._account.new_id("mandate")
        setup.mandate = method.mandate

    def _ask_payer(self, setup: SetupIntent, method: PaymentMethod, cause: Cause) -> None:
        last4 = method.card.last4 if method.card else ""
        challenge = Challenge(
            text=f"Save the card ending in {last4} for later payments?",
            return_url=return_url_of(
                setup.return_url,
                setup_intent=setup.id,
                setup_intent_client_secret=setup.client_secret,
            ),
            finish=lambda outcome: self.finish_challenge(setup, outcome),
        )
        setup.status = IntentStatus.REQUIRES_ACTION
        setup.action_url = self._account.world.challenges.open(challenge)
        self._tell(setup, "setup_intent.requires_action", cause)

    def _save(self, setup: SetupIntent, method: PaymentMethod, cause: Cause) -> None:
        method.is_set_up = True
        if setup.customer and method.customer is None:
            self._methods.tie(method, setup.customer, cause)
        setup.status = IntentStatus.SUCCEEDED
        self._tell(setup, "setup_intent.succeeded", cause)

    def _fail(self, setup: SetupIntent, error: dict[str, object], cause: Cause) -> None:
        setup.status = IntentStatus.REQUIRES_PAYMENT_METHOD
        setup.method = None
        setup.shown_error = error
        self._tell(setup, "setup_intent.setup_failed", cause)

    def _tell(self, setup: SetupIntent, event_type: str, cause: Cause) -> None:
        self._account.publish(cause, event_type, show_setup_intent(setup))


def _unexpected(setup: SetupIntent, action: str) -> InvalidRequest:
    return unexpected_state(
        "setup_intent",
        f"You cannot have this SetupIntent {action} because it has a status of {setup.status}.",
        show_setup_intent(setup),
    )
