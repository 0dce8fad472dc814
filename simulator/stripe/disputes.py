"""Disputes: opened by the payer's bank, answered once, decided by the bank; and fraud warnings."""

from collections.abc import Iterable

from simulator.instruments import Card, DisputeReason
from simulator.stripe.account import PSP, Account, Cause, find
from simulator.stripe.dispute_objects import (
    COMPELLING,
    show_dispute,
    show_fraud_warning,
    takes_compelling,
)
from simulator.stripe.errors import InvalidRequest
from simulator.stripe.forms import Params
from simulator.stripe.objects import show_charge
from simulator.stripe.records import FraudWarning, StripeCharge, StripeDispute, UploadedFile

# What Stripe takes per dispute; it keeps that of a lost one.
FEE = 1500

# The scheme's code that goes with a reason: Visa's, but for other brands' fraud.
_VISA_CODES = {
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
    "credit_not_processed": "13.6",
    "duplicate": "12.6.1",
    "general": "12.5",
}
_MASTERCARD_CODES = {"fraudulent": "4837", "duplicate": "4834"}
_OTHER_MASTERCARD = "4853"

_ANSWERABLE = {"warning_needs_response", "needs_response", "appeal_needs_response"}
_INQUIRY = {"warning_needs_response", "warning_under_review"}
_OPEN = {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review"}
_ENHANCED = "enhanced_evidence"
# How many payments Visa wants to see.
_EARLIER = 2
_AFTER_ANSWER = {
    "warning_needs_response": "warning_under_review",
    "needs_response": "under_review",
    "appeal_needs_response": "appeal_under_review",
}


class Disputes:
    """The disputes of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def watch(self, charge: StripeCharge) -> None:
        """Let the bank of a test card complain some time after the payment."""
        instrument = charge.instrument
        world = self._account.world
        if isinstance(instrument, Card) and instrument.has_fraud_warning:
            world.agenda.after(world.settings.dispute_delay, lambda: self.warn(charge))
        reason = instrument.dispute
        if reason is None:
            return
        is_inquiry = reason == DisputeReason.INQUIRY
        word = "product_not_received" if is_inquiry else str(reason)

        def complain() -> None:
            self.open(charge, reason=word, is_inquiry=is_inquiry)

        world.agenda.after(world.settings.dispute_delay, complain)

    def warn(self, charge: StripeCharge) -> None:
        """Hear from the bank that the payer calls the payment a fraud."""
        warning = FraudWarning(
            id=self._account.new_id("issfr"), charge=charge, created=self._account.now
        )
        self._account.fraud_warnings[warning.id] = warning
        shown = show_fraud_warning(warning)
        event = "radar.early_fraud_warning.created"
        self._account.happen(lambda c: self._account.publish(c, event, shown, charge=charge))

    def open(
        self,
        charge: StripeCharge,
        *,
        reason: str = "fraudulent",
        is_inquiry: bool = False,
        amount: int | None = None,
    ) -> StripeDispute | None:
        """Open a dispute about a captured charge; one that has an open dispute gets no second."""
        if not charge.is_captured or charge.is_disputed:
            return None
        dispute = StripeDispute(
            id=self._account.new_id("du"),
            psp=PSP,
            charge=charge,
            amount=charge.amount_captured if amount is None else amount,
            created=self._account.now,
            reason=reason,
            network_code=_network_code(charge, reason),
            status="warning_needs_response" if is_inquiry else "needs_response",
        )
        self._account.world.books.disputes[dispute.id] = dispute
        self._account.disputes[dispute.id] = dispute
        charge.is_disputed = True
        charge.is_charged_back = not is_inquiry
        self._account.happen(lambda cause: self._tell_open(dispute, cause))
        self._wait_for_answer(dispute)
        return dispute

    def escalate(self, dispute: StripeDispute) -> None:
        """Turn an inquiry into a chargeback."""
        if dispute.status in _INQUIRY:
            dispute.status = "needs_response"
            dispute.submissions = 0
            self._charge_back(dispute, "charge.dispute.updated")

    def appeal(self, dispute: StripeDispute) -> None:
        """
        Let the bank reject the merchant's answer, or come back after it had given in.

        Only then the money is taken once more; before, it was never given back.
        """
        was_won = dispute.status == "won"
        if was_won or dispute.status == "under_review":
            dispute.status = "appeal_needs_response"
            dispute.submissions = 0
            if was_won:
                self._charge_back(dispute, "charge.dispute.updated")
            else:
                self._happen(dispute, "charge.dispute.updated")
                self._wait_for_answer(dispute)

    def win(self, dispute: StripeDispute, *, returns_fee: bool = False) -> None:
        """Decide for the merchant: the money comes back."""
        if dispute.status not in _OPEN:
            return
        dispute.status = "won"
        dispute.charge.is_charged_back = False
        self._move(dispute, dispute.amount, fee=-FEE if returns_fee else 0)
        self._happen(dispute, "charge.dispute.funds_reinstated", "charge.dispute.closed")

    def lose(self, dispute: StripeDispute) -> None:
        """Decide for the payer."""
        if dispute.status in _OPEN:
            dispute.status = "lost"
            self._happen(dispute, "charge.dispute.closed")

    def close_inquiry(self, dispute: StripeDispute) -> None:
        """End an inquiry that did not become a chargeback."""
        if dispute.status in _INQUIRY:
            dispute.status = "warning_closed"
            dispute.charge.is_disputed = False
            self._happen(dispute, "charge.dispute.closed")

    def prevent(self, dispute: StripeDispute) -> None:
        """Settle it before it counts: the payer gets what was not refunded, without a fee."""
        if dispute.status not in _INQUIRY | _OPEN:
            return
        left = min(dispute.amount, dispute.charge.amount_refundable)
        if not dispute.movements and left:
            self._move(dispute, -left)
        dispute.status = "prevented"
        self._happen(dispute, "charge.dispute.closed")

    def report_lost(self, dispute: StripeDispute) -> None:
        """Report a prevented dispute as lost, too, as some banks do."""
        if dispute.status == "prevented":
            dispute.status = "lost"
            self._happen(dispute, "charge.dispute.updated")

    def get(self, reference: str) -> StripeDispute:
        """
        Return a dispute.

        :raises ResourceMissing: there is none
        """
        return find(self._account.disputes, reference, "dispute")

    def upload(self, params: Params) -> UploadedFile:
        """
        Keep a file, of which the form reader left its size and digest.

        :raises InvalidRequest: the purpose is missing
        """
        size, _, sha256 = params.text("file").partition(":")
        if params.text("purpose") != "dispute_evidence" or not sha256:
            raise InvalidRequest("A file and the purpose dispute_evidence are needed.")
        file = UploadedFile(
            id=self._account.new_id("file"),
            purpose=params.text("purpose"),
            size=int(size),
            sha256=sha256,
            created=self._account.now,
        )
        self._account.files[file.id] = file
        return file

    def update(self, reference: str, params: Params, cause: Cause) -> StripeDispute:
        """
        Keep evidence, and with `submit` send it to the bank.

        :raises InvalidRequest: the bank waits for no evidence, or has some already
        """
        dispute = self.get(reference)
        if dispute.status not in _ANSWERABLE:
            raise InvalidRequest(
                "This dispute is already closed or its evidence was already submitted.",
                code="dispute_evidence_already_submitted",
            )
        evidence = params.part("evidence")
        if dispute.status == "appeal_needs_response":
            self._keep_appeal(dispute, evidence)
        else:
            self._keep_evidence(dispute, evidence)
        if params.boolean("submit"):
            dispute.status = _AFTER_ANSWER[dispute.status]
            dispute.submissions += 1
            self._decide_by_text(dispute)
        self._tell(dispute, "charge.dispute.updated", cause)
        return dispute

    def close(self, reference: str, cause: Cause) -> StripeDispute:
        """
        Accept the dispute: it is lost.

        :raises InvalidRequest: it is over
        """
        dispute = self.get(reference)
        if dispute.status not in _OPEN:
            raise InvalidRequest("This dispute is already closed.")
        dispute.status = "lost"
        self._tell(dispute, "charge.dispute.closed", cause)
        return dispute

    def of(self, *, charge_id: str, intent_id: str) -> Iterable[StripeDispute]:
        """Return the disputes about a charge or payment, all without either; oldest first."""
        for dispute in self._account.disputes.values():
            is_wanted = not charge_id or dispute.charge.id == charge_id
            if is_wanted and (not intent_id or dispute.charge.payment == intent_id):
                yield dispute

    def _keep_evidence(self, dispute: StripeDispute, evidence: Params) -> None:
        if evidence.has("appeal"):
            raise InvalidRequest("Only a dispute in its appeal takes this.", param="appeal")
        self._keep_packet(dispute, evidence.text("uncategorized_file"))
        if evidence.has(_ENHANCED):
            self._keep_compelling(dispute, evidence.part(_ENHANCED).part(COMPELLING))
        texts = evidence.values.keys() - {_ENHANCED}
        dispute.evidence.update({name: evidence.text(name) for name in texts})

    def _keep_compelling(self, dispute: StripeDispute, told: Params) -> None:
        """Keep two earlier payments, which are charges of this account."""
        if not takes_compelling(dispute):
            raise InvalidRequest("This dispute does not take it.", param=COMPELLING)
        earlier = told.part("prior_undisputed_transactions")
        charges = [earlier.part(place).required_text("charge") for place in earlier.values]
        if len(charges) != _EARLIER:
            raise InvalidRequest("Name exactly two payments.", param=COMPELLING)
        for charge in charges:
            find(self._account.charges, charge, "charge")
        dispute.compelling = charges

    def _keep_appeal(self, dispute: StripeDispute, evidence: Params) -> None:
        """Keep why the merchant does not give in; nothing else is taken at that stage."""
        evidence.check_known(frozenset({"appeal"}))
        card = evidence.part("appeal").part("card")
        dispute.evidence["reason_for_filing"] = card.required_text("reason_for_filing")
        for file_id in card.texts("supporting_files"):
            self._keep_packet(dispute, file_id)

    def _keep_packet(self, dispute: StripeDispute, file_id: str) -> None:
        if file_id:
            dispute.packet_sha256 = find(self._account.files, file_id, "file").sha256

    def _decide_by_text(self, dispute: StripeDispute) -> None:
        """Decide at once when the evidence says how, as Stripe's test mode does."""
        text = dispute.evidence.get("uncategorized_text", "")
        decide = {"winning_evidence": self.win, "losing_evidence": self.lose}.get(text)
        if decide is not None:
            self._account.world.agenda.after(0, lambda: decide(dispute))

    def _tell_open(self, dispute: StripeDispute, cause: Cause) -> None:
        is_inquiry = dispute.status in _INQUIRY
        if not is_inquiry:
            self._move(dispute, -dispute.amount, fee=FEE)
        self._tell(dispute, "charge.dispute.created", cause)
        if not is_inquiry:
            self._tell(dispute, "charge.dispute.funds_withdrawn", cause)

    def _charge_back(self, dispute: StripeDispute, event: str) -> None:
        dispute.charge.is_charged_back = True
        self._move(dispute, -dispute.amount, fee=FEE)
        self._happen(dispute, event, "charge.dispute.funds_withdrawn")
        self._wait_for_answer(dispute)

    def _wait_for_answer(self, dispute: StripeDispute) -> None:
        world = self._account.world
        dispute.due_by = int(self._account.now + world.settings.dispute_deadline)
        due_by = dispute.due_by

        def expire() -> None:
            if dispute.due_by == due_by and dispute.status in _ANSWERABLE:
                self.close_inquiry(dispute)
                self.lose(dispute)

        world.agenda.after(world.settings.dispute_deadline, expire)

    def _move(self, dispute: StripeDispute, amount: int, *, fee: int = 0) -> None:
        movement = self._account.world.books.move_exchanged(
            psp=PSP,
            kind="adjustment",
            source=dispute.id,
            amount=amount,
            fee=fee,
            currency=dispute.currency,
        )
        dispute.movements.append(movement)
        self._account.movements[movement.id] = movement

    def _happen(self, dispute: StripeDispute, *events: str) -> None:
        def tell(cause: Cause) -> None:
            for event in events:
                self._tell(dispute, event, cause)
            self._account.publish(
                cause, "charge.updated", show_charge(dispute.charge), charge=dispute.charge
            )

        self._account.happen(tell)

    def _tell(self, dispute: StripeDispute, event: str, cause: Cause) -> None:
        shown = show_dispute(dispute, now=self._account.now)
        self._account.publish(cause, event, shown, charge=dispute.charge)


def _network_code(charge: StripeCharge, reason: str) -> str:
    card = charge.method.card
    if card is None:
        return ""
    if card.brand == "mastercard":
        return _MASTERCARD_CODES.get(reason, _OTHER_MASTERCARD)
    return _VISA_CODES.get(reason, "12.5")
