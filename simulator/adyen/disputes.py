"""
Disputes at Adyen: told by notifications, answered with documents, listed in a daily report.

All events of a dispute carry its own reference. What a defence says does not matter here, only that
there is one; the bank decides when it is told to.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.adyen.account import PSP, Account, Cause, Item, brand_of
from simulator.adyen.dispute_report import report_line, write_dispute_report
from simulator.adyen.errors import AdyenError
from simulator.adyen.fields import Fields, required, text
from simulator.adyen.records import AdyenDispute, Payment, Round
from simulator.instruments import Card, DisputeReason
from simulator.report_lines import SECOND_DISPUTE

# What Adyen takes per dispute; it keeps that of a lost one.
FEE = 2000

# The scheme's code for a complaint: Visa's, but for Mastercard's.
_VISA = {
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
    "credit_not_processed": "13.6",
    "duplicate": "12.6.1",
}
_MASTERCARD = {"fraudulent": "4837", "duplicate": "4834"}
_OTHER_VISA, _OTHER_MASTERCARD = "12.5", "4853"

# The one defence that suits every complaint here.
_DEFENCE, _DOCUMENT = "SupplyDefenseMaterial", "DefenseMaterial"

# An inquiry's and a chargeback's names for the scheme and its code.
_INQUIRY_NAMES = ("rfiSchemeCode", "rfiReasonCode")
_CHARGEBACK_NAMES = ("chargebackSchemeCode", "chargebackReasonCode")
# Statuses of one that still waits for the merchant, or for the bank.
_UNANSWERED = frozenset({"Undefended", "Unresponded"})
_OPEN = _UNANSWERED | {"Pending", "Responded"}

# What the bank, or the scheme, says in each round when the merchant wins it.
_WON = {
    Round.FIRST: "CHARGEBACK_REVERSED",
    Round.PRE_ARBITRATION: "PREARBITRATION_ISSUER_WITHDRAWN",
    Round.ARBITRATION: "SCHEME_ARBITRATION_WON",
}


class Disputes:
    """The disputes of one merchant account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.lines: list[tuple[str, Mapping[str, str]]] = []

    def watch(self, payment: Payment) -> None:
        """Let the bank of a test card complain some time after the payment."""
        instrument, world = payment.instrument, self._account.world
        delay = world.settings.dispute_delay
        if isinstance(instrument, Card) and instrument.has_fraud_warning:
            world.agenda.after(delay, lambda: self.warn(payment))
        reason = instrument.dispute
        if reason is not None:
            is_inquiry = reason == DisputeReason.INQUIRY
            word = "product_not_received" if is_inquiry else str(reason)
            world.agenda.after(
                delay, lambda: self.open(payment, reason=word, is_inquiry=is_inquiry)
            )

    def warn(self, payment: Payment) -> None:
        """Hear from the bank that the payer calls the payment a fraud."""
        item = Item(
            code="NOTIFICATION_OF_FRAUD",
            psp_reference=self._account.new_reference(),
            payment=payment,
            reference=payment.reference,
            amount=payment.amount,
            reason="Fraud reported by the issuer",
        )
        self._account.happen(lambda cause: self._notify(cause, item))

    def open(
        self,
        payment: Payment,
        *,
        reason: str = "fraudulent",
        is_inquiry: bool = False,
        amount: int | None = None,
    ) -> None:
        """Open a dispute about a captured payment; one that has an open dispute gets no second."""
        charge = payment.charge
        if charge is None or not charge.is_captured or self._is_disputed(payment):
            return
        dispute = AdyenDispute(
            id=self._account.new_reference(),
            psp=PSP,
            charge=charge,
            payment=payment,
            amount=charge.amount_captured if amount is None else amount,
            created=int(self._account.world.clock.now()),
            reason=reason,
            network_code=_code(payment, reason),
            status="Unresponded" if is_inquiry else "Undefended",
            is_inquiry=is_inquiry,
        )
        self._account.world.books.disputes[dispute.id] = dispute
        self._account.disputes[dispute.id] = dispute
        self._wait(dispute)
        if is_inquiry:
            self._happen(dispute, "REQUEST_FOR_INFORMATION")
        else:
            self._move(dispute, -dispute.amount)
            self._happen(dispute, "NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK")

    def escalate(self, dispute: AdyenDispute) -> None:
        """Turn an inquiry into a chargeback."""
        if dispute.is_inquiry and dispute.status in _OPEN:
            dispute.is_inquiry = False
            dispute.status = "Undefended"
            dispute.submissions = 0
            self._wait(dispute)
            self._move(dispute, -dispute.amount)
            self._happen(dispute, "NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK")

    def win(self, dispute: AdyenDispute) -> None:
        """Decide for the merchant; of a later round no money comes back, since none had gone."""
        if dispute.is_inquiry or dispute.status not in _OPEN:
            return
        dispute.status = "Won"
        if dispute.round == Round.FIRST:
            self._move(dispute, dispute.amount)
        self._happen(dispute, _WON[dispute.round])

    def lose(self, dispute: AdyenDispute) -> None:
        """Decide for the payer, or let the time run out."""
        if dispute.is_inquiry or dispute.status not in _OPEN:
            return
        is_defended = dispute.status == "Pending"
        dispute.status = "Lost" if is_defended else "Expired"
        codes = [] if is_defended else ["DISPUTE_DEFENSE_PERIOD_ENDED"]
        if dispute.round == Round.ARBITRATION:
            codes.append("SCHEME_ARBITRATION_LOST")
        if dispute.round > Round.FIRST:
            self._move(dispute, -dispute.amount)
        if is_defended or dispute.round > Round.FIRST:
            codes.append("SECOND_CHARGEBACK")
        self._happen(dispute, *codes)

    def close_inquiry(self, dispute: AdyenDispute) -> None:
        """End an inquiry that did not become a chargeback."""
        if dispute.is_inquiry and dispute.status in _OPEN:
            dispute.status = "Expired"
            self._happen(dispute, "DISPUTE_DEFENSE_PERIOD_ENDED")

    def prevent(self, dispute: AdyenDispute) -> None:
        """
        Settle it by the merchant's rule before it counts: the payer keeps the money.

        An inquiry about a payment that was refunded just ends.
        """
        if not dispute.is_inquiry or dispute.status not in _OPEN:
            return
        if not dispute.charge.amount_refundable:
            self.close_inquiry(dispute)
            return
        dispute.is_inquiry = False
        dispute.status = "Accepted"
        dispute.is_settled_by_rule = True
        self._move(dispute, -dispute.amount)
        self._happen(dispute, "CHARGEBACK")

    def report_lost(self, dispute: AdyenDispute) -> None:
        """Report a prevented dispute as lost, too, as some banks do."""
        if dispute.is_settled_by_rule:
            dispute.status = "Lost"
            self._happen(dispute, "SECOND_CHARGEBACK")

    def appeal(self, dispute: AdyenDispute) -> None:
        """Let the bank come back after the merchant has won: pre-arbitration."""
        if dispute.status == "Won" and dispute.round == Round.FIRST:
            dispute.status = "Undefended"
            dispute.round = Round.PRE_ARBITRATION
            dispute.submissions = 0
            self._wait(dispute)
            self._happen(dispute, "PREARBITRATION_OPEN")

    def arbitrate(self, dispute: AdyenDispute) -> None:
        """Let the bank take a pre-arbitration that the merchant refused to the card scheme."""
        if dispute.round == Round.PRE_ARBITRATION and dispute.status == "Pending":
            dispute.round = Round.ARBITRATION
            self._happen(dispute, "SCHEME_ARBITRATION")

    # --- the Disputes API ---------------------------------------------------------------------

    def list_defences(self, fields: Fields) -> dict[str, Any]:
        """Say what may be answered: one defence, with one document."""
        self._get_open(fields)
        document = {"defenseDocumentTypeCode": _DOCUMENT, "requirementLevel": "Required"}
        reason = {
            "defenseReasonCode": _DEFENCE,
            "satisfied": False,
            "defenseDocumentTypes": [{**document, "available": False}],
        }
        return {"defenseReasons": [reason], "disputeServiceResult": {"success": True}}

    def supply(self, fields: Fields) -> dict[str, Any]:
        """
        Keep documents for the defence.

        :raises AdyenError: they are no documents, or nobody waits for them
        """
        dispute = self._get_open(fields)
        documents = fields.get("defenseDocuments")
        if not isinstance(documents, list) or not documents:
            raise AdyenError("Defense documents are missing.", code="901")
        for document in documents:
            try:
                content = base64.b64decode(text(document, "content"), validate=True)
            except binascii.Error:
                raise AdyenError("A document is no base64.", code="902") from None
            dispute.documents.append(content)
        return {"disputeServiceResult": {"success": True}}

    def defend(self, fields: Fields, cause: Cause) -> dict[str, Any]:
        """
        Send the documents to the bank.

        :raises AdyenError: there are none, or nobody waits for them
        """
        dispute = self._get_open(fields)
        if required(fields, "defenseReasonCode") != _DEFENCE or not dispute.documents:
            raise AdyenError("The defense has no documents.", code="903")
        dispute.packet_sha256 = hashlib.sha256(dispute.documents[-1]).hexdigest()
        dispute.documents.clear()
        dispute.submissions += 1
        dispute.status = "Responded" if dispute.is_inquiry else "Pending"
        is_first = dispute.round == Round.FIRST
        self._tell(
            dispute, "INFORMATION_SUPPLIED" if is_first else "PREARBITRATION_DECLINED", cause
        )
        return {"disputeServiceResult": {"success": True}}

    def accept(self, fields: Fields, cause: Cause) -> dict[str, Any]:
        """
        Give the dispute up.

        :raises AdyenError: it is over
        """
        dispute = self._get(fields)
        is_at_scheme = dispute.round == Round.ARBITRATION
        if dispute.is_inquiry or is_at_scheme or dispute.status not in _OPEN:
            raise AdyenError("The dispute cannot be accepted.", code="904")
        dispute.status = "Accepted"
        if dispute.round == Round.PRE_ARBITRATION:
            self._move(dispute, -dispute.amount)
            for code in ("PREARBITRATION_ACCEPTED", "SECOND_CHARGEBACK"):
                self._tell(dispute, code, cause)
        return {"disputeServiceResult": {"success": True}}

    def report(self, day: str) -> bytes:
        """Return the dispute report of a day in UTC: each event and warning of that day, once."""
        return write_dispute_report(line for on, line in self.lines if on == day)

    def clear(self) -> None:
        """Forget the report."""
        self.lines.clear()

    def of(self, payment: Payment) -> list[AdyenDispute]:
        """Return the payment's disputes, oldest first."""
        return [each for each in self._account.disputes.values() if each.payment is payment]

    def _is_disputed(self, payment: Payment) -> bool:
        return any(each.status in _OPEN for each in self.of(payment))

    def _get(self, fields: Fields) -> AdyenDispute:
        dispute = self._account.disputes.get(required(fields, "disputePspReference"))
        if dispute is None:
            raise AdyenError("There is no such dispute.", code="905")
        return dispute

    def _get_open(self, fields: Fields) -> AdyenDispute:
        dispute = self._get(fields)
        if dispute.status not in _UNANSWERED:
            raise AdyenError("The dispute is not defendable any more.", code="906")
        return dispute

    def _wait(self, dispute: AdyenDispute) -> None:
        world = self._account.world
        dispute.due_by = int(world.clock.now() + world.settings.dispute_deadline)
        due_by = dispute.due_by

        def expire() -> None:
            if dispute.due_by == due_by and dispute.status in _UNANSWERED:
                self.close_inquiry(dispute)
                self.lose(dispute)

        world.agenda.after(world.settings.dispute_deadline, expire)

    def _move(self, dispute: AdyenDispute, amount: int) -> None:
        """Take or give back money; what a dispute costs stands only in the settlement report."""
        is_charged = amount < 0 and not dispute.is_settled_by_rule
        movement = self._account.world.books.move_exchanged(
            psp=PSP,
            kind=SECOND_DISPUTE if dispute.round > Round.FIRST else "dispute",
            source=dispute.id,
            amount=amount,
            fee=FEE if is_charged else 0,
            currency=dispute.currency,
        )
        dispute.movements.append(movement)

    def _happen(self, dispute: AdyenDispute, *codes: str) -> None:
        def tell(cause: Cause) -> None:
            for code in codes:
                self._tell(dispute, code, cause)

        self._account.happen(tell)

    def _tell(self, dispute: AdyenDispute, code: str, cause: Cause) -> None:
        item = Item(
            code=code,
            psp_reference=dispute.id,
            payment=dispute.payment,
            reference=dispute.payment.reference,
            amount=dispute.amount,
            reason=dispute.reason,
            details=_details(dispute),
        )
        self._notify(cause, item)

    def _notify(self, cause: Cause, item: Item) -> None:
        """Tell it in a notification now, and once more in the report of the day."""
        self._account.notify(cause, item)
        at = datetime.fromtimestamp(self._account.world.clock.now(), tz=UTC)
        self.lines.append((f"{at:%Y_%m_%d}", report_line(item, at)))


def _details(dispute: AdyenDispute) -> Mapping[str, str]:
    scheme, code = _INQUIRY_NAMES if dispute.is_inquiry else _CHARGEBACK_NAMES
    return {
        scheme: brand_of(dispute.payment),
        code: dispute.network_code,
        "defensePeriodEndsAt": datetime.fromtimestamp(dispute.due_by, tz=UTC).isoformat(),
        "disputeStatus": dispute.status,
        "rapidDisputeResolution": "true" if dispute.is_settled_by_rule else "false",
    }


def _code(payment: Payment, reason: str) -> str:
    if brand_of(payment) == "mc":
        return _MASTERCARD.get(reason, _OTHER_MASTERCARD)
    return _VISA.get(reason, _OTHER_VISA)
