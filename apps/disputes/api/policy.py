"""`/v1/dispute_policy`: the merchant's standing orders, one object per account and mode."""

from django.http import HttpRequest

from apps.api.fields import IntegerField, TextField
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.common.money import CURRENCIES
from apps.disputes.api.shapes import DISPUTE_POLICY
from apps.disputes.models import DisputePolicy
from apps.disputes.objects import render_policy
from apps.disputes.policies import BUFFER_HOURS_MAX
from apps.disputes.selectors import find_policy
from apps.disputes.services.standing_orders import change_policy

_TERMS_MAX = 15_000


class ChangePolicy(RequestSchema):
    """Limits are written as `usd:1500,eur:1500`, minor units by currency; empty means none."""

    accept_below = TextField(required=False, max_length=2000, allow_blank=True)
    refund_inquiries_below = TextField(required=False, max_length=2000, allow_blank=True)
    refund_warnings_below = TextField(required=False, max_length=2000, allow_blank=True)
    buffer_hours = IntegerField(required=False, min_value=0, max_value=BUFFER_HOURS_MAX)
    cancellation_terms = TextField(required=False, max_length=_TERMS_MAX, allow_blank=True)
    refund_terms = TextField(required=False, max_length=_TERMS_MAX, allow_blank=True)


class PolicyDetail(ApiView):
    resource = "disputes"
    schemas = {"POST": ChangePolicy}
    answers = {"GET": DISPUTE_POLICY, "POST": DISPUTE_POLICY}

    def get(self, _request: HttpRequest) -> Json:
        self.load()
        return render_policy(find_policy(self.scope) or DisputePolicy())

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        policy = change_policy(
            scope=self.scope,
            accept_below=_limits(params, "accept_below"),
            refund_inquiries_below=_limits(params, "refund_inquiries_below"),
            refund_warnings_below=_limits(params, "refund_warnings_below"),
            buffer_hours=params.get("buffer_hours"),
            cancellation_terms=params.get("cancellation_terms"),
            refund_terms=params.get("refund_terms"),
            origin=self.origin,
        )
        return render_policy(policy)


def _limits(params: Json, name: str) -> dict[str, int] | None:
    text = params.get(name)
    if text is None:
        return None
    limits = {}
    for entry in filter(None, text.split(",")):
        currency, _, amount = entry.strip().partition(":")
        if currency.upper() not in CURRENCIES or not (amount.isascii() and amount.isdecimal()):
            raise InvalidParameter(f"{name} reads like usd:1500,eur:1500.", param=name)
        limits[currency.upper()] = int(amount[:12])
    return limits
