"""`/v1/disputes`."""

from datetime import timedelta
from functools import partial

from django.http import HttpRequest
from django.utils import timezone

from apps.api.addresses import Address
from apps.api.fields import (
    BooleanField,
    EnumField,
    IdField,
    ListField,
    MetadataField,
    TextField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.disputes.api.shapes import DISPUTE
from apps.disputes.compelling import NEEDED
from apps.disputes.models import Dispute
from apps.disputes.objects import render_dispute
from apps.disputes.selectors import buffer_of, find_case, get_dispute
from apps.disputes.services.details import update_metadata
from apps.disputes.services.endings import accept_dispute
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.payments.selectors import as_attempt_id

# Longer than what banks read, so that the refusal comes from the rule and names it.
_TEXT_MAX = 200_000
# What is compared is short.
_DETAIL_MAX = 500


def _text() -> TextField:
    return TextField(required=False, max_length=_TEXT_MAX, allow_blank=True)


def _detail() -> TextField:
    return TextField(required=False, max_length=_DETAIL_MAX, allow_blank=True)


def _file() -> TextField:
    return TextField(required=False, max_length=40, allow_blank=True)


class _ComparedPayment(RequestSchema):
    """What the scheme compares of each payment."""

    customer_account_id = _detail()
    customer_device_fingerprint = _detail()
    customer_device_id = _detail()
    customer_email_address = _detail()
    customer_purchase_ip = _detail()
    product_description = _detail()
    shipping_address = Address(required=False)


class DisputedPayment(_ComparedPayment):
    merchandise_or_services = EnumField(["merchandise", "services"], required=False)


class EarlierPayment(_ComparedPayment):
    charge = IdField("ch")


class VisaCompellingEvidence(RequestSchema):
    """Two earlier payments that the payer never disputed (Visa 10.4)."""

    disputed_transaction = DisputedPayment(required=False)
    prior_undisputed_transactions = ListField(EarlierPayment(), max_length=NEEDED, required=False)


class EnhancedEvidence(RequestSchema):
    """A scheme's own form of evidence; replaced as a whole, and taken out when empty."""

    visa_compelling_evidence_3 = VisaCompellingEvidence(required=False)


class Evidence(RequestSchema):
    """Texts and ids of files, by Stripe's names; an empty one takes it out."""

    enhanced_evidence = EnhancedEvidence(required=False)

    product_description = _text()
    customer_email_address = _text()
    customer_name = _text()
    customer_purchase_ip = _text()
    billing_address = _text()
    access_activity_log = _text()
    cancellation_policy_disclosure = _text()
    cancellation_rebuttal = _text()
    refund_policy_disclosure = _text()
    refund_refusal_explanation = _text()
    service_date = _text()
    shipping_address = _text()
    shipping_carrier = _text()
    shipping_date = _text()
    shipping_tracking_number = _text()
    duplicate_charge_id = _text()
    duplicate_charge_explanation = _text()
    uncategorized_text = _text()
    customer_communication = _file()
    customer_signature = _file()
    receipt = _file()
    cancellation_policy = _file()
    refund_policy = _file()
    service_documentation = _file()
    shipping_documentation = _file()
    duplicate_charge_documentation = _file()
    uncategorized_file = _file()


class UpdateDispute(RequestSchema):
    evidence = Evidence(required=False)
    metadata = MetadataField()
    submit = BooleanField(required=False)


class ListDisputes(ListSchema):
    charge = IdField("ch", required=False)
    payment_intent = IdField("pi", required=False)


class DisputeView(ApiView):
    resource = "disputes"

    def show(self, dispute: Dispute) -> Json:
        """Return the dispute with its money and the draft of its evidence."""
        case = find_case(dispute)
        funds = dispute.funds.order_by("id")
        return render_dispute(
            dispute,
            buffer=buffer_of(self.scope),
            funds=funds,
            evidence=case.evidence if case else {},
        )


class DisputeList(DisputeView):
    schemas = {"GET": ListDisputes}
    answers = {"GET": ListOf(DISPUTE)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Dispute.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "payment_intent" in params:
            rows = rows.filter(intent_id=params["payment_intent"])
        if "charge" in params:
            rows = rows.filter(attempt_id=as_attempt_id(params["charge"]))
        rows = rows.select_related("case").prefetch_related("funds")
        show = partial(_show_loaded, buffer=buffer_of(self.scope))
        return list_page(rows, params, url="/v1/disputes", show=show)


class DisputeDetail(DisputeView):
    schemas = {"POST": UpdateDispute}
    answers = {"GET": DISPUTE, "POST": DISPUTE}
    # Submitting talks to the gateway.
    transactional_answer = False

    def get(self, _request: HttpRequest, dispute_id: str) -> Json:
        self.load()
        return self.show(get_dispute(self.scope, dispute_id))

    def post(self, _request: HttpRequest, dispute_id: str) -> Json:
        params = self.load()
        now = timezone.now()
        if "metadata" in params:
            update_metadata(
                scope=self.scope,
                dispute_id=dispute_id,
                metadata=params["metadata"],
                origin=self.origin,
                now=now,
            )
        if params.get("evidence"):
            save_evidence(
                scope=self.scope, dispute_id=dispute_id, evidence=params["evidence"], now=now
            )
        if params.get("submit"):
            submit_evidence(scope=self.scope, dispute_id=dispute_id, origin=self.origin, now=now)
        return self.show(get_dispute(self.scope, dispute_id))


class DisputeClose(DisputeView):
    answers = {"POST": DISPUTE}

    transactional_answer = False

    def post(self, _request: HttpRequest, dispute_id: str) -> Json:
        self.load()
        dispute = accept_dispute(
            scope=self.scope, dispute_id=dispute_id, origin=self.origin, now=timezone.now()
        )
        return self.show(dispute)


def load_disputes(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the disputes with these ids, for `expand[]`."""
    rows = get_rows(Dispute.objects, scope, ids)
    rows = rows.select_related("case").prefetch_related("funds")
    buffer = buffer_of(scope)
    return {row.id: _show_loaded(row, buffer=buffer) for row in rows}


def _show_loaded(dispute: Dispute, *, buffer: timedelta) -> Json:
    case = getattr(dispute, "case", None)
    return render_dispute(
        dispute,
        buffer=buffer,
        funds=dispute.funds.all(),
        evidence=case.evidence if case else {},
    )
