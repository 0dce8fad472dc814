"""`/v1/setup_intents` and its actions."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

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
from apps.api.views import Json
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.common.metadata import merge_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.setups.api.shapes import SETUP_INTENT, SETUP_INTENTS
from apps.setups.errors import SetupDeclined
from apps.setups.models import SetupIntent
from apps.setups.objects import render_setup
from apps.setups.selectors import get_setup
from apps.setups.services.setups import (
    cancel_setup,
    confirm_setup,
    create_setup,
    update_setup,
)
from apps.setups.states import Usage
from apps.vault.errors import GatewaysAway
from apps.vault.method_data import MethodInside, MethodInsideView

CANCELLATION_REASONS = ["abandoned", "requested_by_customer", "duplicate"]


class SetupPaymentMethods(RequestSchema):
    """Stripe's switch; our gateways decide by the payment method, so it changes nothing."""

    enabled = BooleanField()
    allow_redirects = EnumField(["always", "never"], required=False)


class WriteSetup(MethodInside):
    customer = IdField("cus", required=False)
    description = TextField(required=False, max_length=1000)
    metadata = MetadataField()
    payment_method_types = ListField(EnumField(["card"]), required=False)


class CreateSetup(WriteSetup):
    usage = EnumField(Usage.values, required=False)
    confirm = BooleanField(required=False, default=False)
    return_url = TextField(required=False, max_length=2048)
    automatic_payment_methods = SetupPaymentMethods(required=False)
    use_stripe_sdk = BooleanField(required=False)


class ConfirmSetup(MethodInside):
    client_secret = TextField(required=False, max_length=200)
    return_url = TextField(required=False, max_length=2048)
    use_stripe_sdk = BooleanField(required=False)


class CancelSetup(RequestSchema):
    cancellation_reason = EnumField(CANCELLATION_REASONS, required=False)


class RetrieveSetup(RequestSchema):
    client_secret = TextField(required=False, max_length=200)


class ListSetups(ListSchema):
    customer = IdField("cus", required=False)
    payment_method = IdField("pm", required=False)


class SetupView(MethodInsideView):
    resource = "setup_intents"
    # The gateway is asked with no transaction open.
    transactional_answer = False

    def check_secret(self, setup: SetupIntent, client_secret: str | None) -> None:
        """Let a publishable key see only the setup whose client secret it shows."""
        is_asked = self.caller.is_publishable or client_secret is not None
        if is_asked and client_secret != setup.client_secret:
            raise ResourceMissing(resource="setup_intent", id=setup.id, param="client_secret")

    def confirmed(self, setup_id: str, params: dict[str, Any], now: datetime) -> Json:
        """Confirm, and answer as Stripe does: the object, or the bank's refusal."""
        setup = confirm_setup(
            scope=self.scope,
            setup_id=setup_id,
            payment_method=params.get("payment_method", ""),
            return_url=_return_url(params),
            origin=self.origin,
            now=now,
        )
        error = setup.last_setup_error
        if error is None:
            return render_setup(setup)
        if error["type"] == "api_error":
            raise GatewaysAway
        raise SetupDeclined(error, setup=render_setup(setup))


def _return_url(params: dict[str, Any]) -> str:
    url = str(params.get("return_url", ""))
    if url and not url.startswith(("https://", "http://")):
        raise InvalidParameter("return_url must be an http(s) address.", param="return_url")
    return url


class SetupList(SetupView):
    schemas = {"GET": ListSetups, "POST": CreateSetup}
    answers = {"GET": SETUP_INTENTS, "POST": SETUP_INTENT}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = SetupIntent.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        for name in ("customer", "payment_method"):
            if name in params:
                rows = rows.filter(**{f"{name}_id": params[name]})
        return list_page(rows, params, url="/v1/setup_intents", show=render_setup)

    def post(self, _request: HttpRequest) -> Json:
        now = timezone.now()
        params = self.with_method(self.load(), now)
        fields = {
            "customer_id": params.get("customer", ""),
            "payment_method_id": params.get("payment_method", ""),
            "usage": params.get("usage", str(Usage.OFF_SESSION)),
            "description": params.get("description", ""),
            "metadata": merge_metadata({}, params.get("metadata")),
            "return_url": _return_url(params),
        }
        setup = create_setup(scope=self.scope, fields=fields, origin=self.origin, now=now)
        return self.confirmed(setup.id, {}, now) if params["confirm"] else render_setup(setup)


class SetupDetail(SetupView):
    schemas = {"GET": RetrieveSetup, "POST": WriteSetup}
    answers = {"GET": SETUP_INTENT, "POST": SETUP_INTENT}
    publishable_methods = frozenset({"GET"})

    def get(self, _request: HttpRequest, setup_id: str) -> Json:
        params = self.load()
        setup = get_setup(self.scope, setup_id)
        self.check_secret(setup, params.get("client_secret"))
        return render_setup(setup)

    def post(self, _request: HttpRequest, setup_id: str) -> Json:
        now = timezone.now()
        params = self.with_method(self.load(), now)
        changes = {column: params[name] for name, column in _CHANGEABLE.items() if name in params}
        setup = update_setup(
            scope=self.scope, setup_id=setup_id, changes=changes, origin=self.origin, now=now
        )
        return render_setup(setup)


_CHANGEABLE = {
    "customer": "customer_id",
    "description": "description",
    "metadata": "metadata",
    "payment_method": "payment_method_id",
}


class SetupConfirm(SetupView):
    schemas = {"POST": ConfirmSetup}
    answers = {"POST": SETUP_INTENT}
    publishable_methods = frozenset({"POST"})

    def post(self, _request: HttpRequest, setup_id: str) -> Json:
        params = self.load()
        self.check_secret(get_setup(self.scope, setup_id), params.get("client_secret"))
        now = timezone.now()
        return self.confirmed(setup_id, self.with_method(params, now), now)


class SetupCancel(SetupView):
    schemas = {"POST": CancelSetup}
    answers = {"POST": SETUP_INTENT}
    transactional_answer = True

    def post(self, _request: HttpRequest, setup_id: str) -> Json:
        params = self.load()
        setup = cancel_setup(
            scope=self.scope,
            setup_id=setup_id,
            reason=params.get("cancellation_reason", "requested_by_customer"),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_setup(setup)


def load_setups(ids: set[str], scope: Scope) -> dict[str, dict[str, Any]]:
    """Return the setup intents with these ids, for `expand[]`."""
    rows = get_rows(SetupIntent.objects, scope, ids)
    return {row.id: render_setup(row) for row in rows}
