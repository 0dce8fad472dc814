"""`/v1/refunds`."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import AmountField, EnumField, IdField, MetadataField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.errors import DomainError, ResourceMissing
from apps.common.metadata import merge_metadata
from apps.payments.api.shapes import REFUND, REFUNDS
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.objects import render_refund
from apps.payments.selectors import as_attempt_id, get_refund
from apps.payments.services.refunds import (
    cancel_refund,
    request_refund,
    run_refund,
    update_refund,
)


class MissingTarget(DomainError):
    """Neither the payment nor the charge was named."""

    code = "parameter_missing"
    status = 400
    template = "Name what to refund: payment_intent or charge."


class CreateRefund(RequestSchema):
    payment_intent = IdField("pi", required=False)
    charge = IdField("ch", required=False)
    amount = AmountField(required=False)
    reason = EnumField(["duplicate", "fraudulent", "requested_by_customer"], required=False)
    metadata = MetadataField()


class UpdateRefund(RequestSchema):
    metadata = MetadataField()


class ListRefunds(ListSchema):
    payment_intent = IdField("pi", required=False)
    charge = IdField("ch", required=False)


class RefundList(ApiView):
    resource = "refunds"
    schemas = {"GET": ListRefunds, "POST": CreateRefund}
    answers = {"GET": REFUNDS, "POST": REFUND}
    transactional_answer = False

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Refund.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "payment_intent" in params:
            rows = rows.filter(intent_id=params["payment_intent"])
        if "charge" in params:
            rows = rows.filter(attempt_id=as_attempt_id(params["charge"]))
        return list_page(rows, params, url="/v1/refunds", show=render_refund)

    def post(self, _request: HttpRequest) -> Json:
        now = timezone.now()
        params = self.load()
        refund_id = self.claim.object_id if self.claim else ""
        if not refund_id:
            refund = request_refund(
                scope=self.scope,
                intent_id=self._intent_id(params),
                amount=params.get("amount"),
                reason=params.get("reason", ""),
                metadata=merge_metadata({}, params.get("metadata")),
                origin=self.origin,
                now=now,
                remember=self.claim.remember if self.claim else None,
            )
            refund_id = refund.id
        return render_refund(run_refund(refund_id=refund_id, origin=self.origin, now=now))

    def _intent_id(self, params: Json) -> str:
        if "payment_intent" in params:
            return str(params["payment_intent"])
        if "charge" not in params:
            raise MissingTarget(param="payment_intent")
        attempt = PaymentAttempt.objects.filter(
            pk=as_attempt_id(params["charge"]),
            merchant_id=self.scope.merchant_id,
            livemode=self.scope.livemode,
        ).first()
        if attempt is None:
            raise ResourceMissing(resource="charge", id=params["charge"], param="charge")
        return attempt.intent_id


class RefundDetail(ApiView):
    resource = "refunds"
    schemas = {"POST": UpdateRefund}
    answers = {"GET": REFUND, "POST": REFUND}

    def get(self, _request: HttpRequest, refund_id: str) -> Json:
        self.load()
        return render_refund(get_refund(self.scope, refund_id))

    def post(self, _request: HttpRequest, refund_id: str) -> Json:
        params = self.load()
        current = get_refund(self.scope, refund_id)
        if "metadata" not in params:
            return render_refund(current)
        refund = update_refund(
            scope=self.scope,
            refund_id=refund_id,
            metadata=params["metadata"],
            origin=self.origin,
            now=timezone.now(),
        )
        return render_refund(refund)


class RefundCancel(ApiView):
    resource = "refunds"
    answers = {"POST": REFUND}

    def post(self, _request: HttpRequest, refund_id: str) -> Json:
        self.load()
        refund = cancel_refund(
            scope=self.scope, refund_id=refund_id, origin=self.origin, now=timezone.now()
        )
        return render_refund(refund)
