"""`/v1/usage_evidence`: what customers did, pushed by the merchant's service as it happens."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import IdField, TextField, TimestampField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.disputes.api.shapes import USAGE_EVIDENCE
from apps.disputes.models import UsageEvidence
from apps.disputes.objects import render_usage
from apps.disputes.services.usage import record_usage


class RecordUsage(RequestSchema):
    customer = IdField("cus")
    action = TextField(min_length=1, max_length=200)
    occurred_at = TimestampField(required=False)
    ip_address = TextField(required=False, max_length=45)
    device = TextField(required=False, max_length=200)


class ListUsage(ListSchema):
    customer = IdField("cus", required=False)


class UsageList(ApiView):
    resource = "usage_evidence"
    schemas = {"GET": ListUsage, "POST": RecordUsage}
    answers = {"GET": ListOf(USAGE_EVIDENCE), "POST": USAGE_EVIDENCE}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = UsageEvidence.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "customer" in params:
            rows = rows.filter(customer_id=params["customer"])
        return list_page(rows, params, url="/v1/usage_evidence", show=render_usage)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        now = timezone.now()
        usage = record_usage(
            scope=self.scope,
            customer_id=params["customer"],
            action=params["action"],
            occurred_at=params.get("occurred_at", now),
            ip_address=params.get("ip_address", ""),
            device=params.get("device", ""),
            now=now,
        )
        return render_usage(usage)
