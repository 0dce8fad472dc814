"""A tiny resource to try the kit on: notes, kept in the merchants' table, and its addresses."""

import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

from django.db import connection, transaction
from django.http import HttpRequest
from django.urls import path

from apps.api.fields import (
    AmountField,
    BooleanField,
    CurrencyField,
    EnumField,
    IdField,
    IntegerField,
    ListField,
    MetadataField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.models import Merchant
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, ClaimMode, Result


class Address(RequestSchema):
    city = TextField(max_length=20)
    country = EnumField(["DE", "NL"], required=False)


class CreateNote(RequestSchema):
    amount = AmountField()
    currency = CurrencyField(required=False)
    text = TextField(max_length=1000, required=False)
    count = IntegerField(required=False, max_value=10)
    flag = BooleanField(required=False)
    at = TimestampField(required=False)
    customer = IdField("cus", required=False)
    address = Address(required=False)
    tags = ListField(TextField(max_length=5), required=False, max_length=2)
    lines = ListField(Address(), required=False)
    nothing = TextField(required=False, allow_null=True)
    metadata = MetadataField()


class Script:
    """What the handler does, set by the test; counts its runs."""

    runs: ClassVar[int] = 0
    step: ClassVar[Callable[[ApiView], Any] | None] = None


class NotesView(ApiView):
    resource = "notes"
    schemas = {"POST": CreateNote, "GET": ListSchema}
    publishable_methods = frozenset({"GET"})

    def post(self, _request: HttpRequest) -> Result:
        params = self.load()
        Script.runs += 1
        note = Merchant.objects.create(name=str(params["amount"]))
        if Script.step is not None:
            Script.step(self)
        return {"id": note.id, "object": "note", "amount": params["amount"]}

    def get(self, request: HttpRequest) -> Result:
        return list_page(
            Merchant.objects.all(),
            self.load(),
            url=request.path,
            show=lambda note: {"id": note.id, "object": "note", "name": note.name},
        )


class SlowNotesView(NotesView):
    """Takes as long as a gateway."""

    def post(self, request: HttpRequest) -> Result:
        time.sleep(0.3)
        return super().post(request)


class GatewayNotesView(NotesView):
    transactional_answer = False


class LateClaimView(NotesView):
    """Claims in the transaction of the result, as a service on the hot path does."""

    transactional_answer = False
    claim_mode = ClaimMode.BY_SERVICE

    def post(self, _request: HttpRequest) -> Result:
        params = self.load()
        Script.runs += 1
        if Script.step is not None:
            Script.step(self)
        note = Merchant(name=str(params["amount"]))
        shown = {"id": note.id, "object": "note", "amount": params["amount"]}
        answer = self.answer_row(shown)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT api_claim(%s::jsonb)", [json.dumps(answer)])
                standing = cursor.fetchone()[0]
            self.settle_claim(standing)
            note.save(force_insert=True)
        return shown

    def settle_claim(self, standing: Any) -> None:
        assert self.claim is not None
        self.claim.settle(standing)


urlpatterns = [
    path("v1/notes", NotesView.as_view()),
    path("v1/other_notes", NotesView.as_view()),
    path("v1/slow_notes", SlowNotesView.as_view()),
    path("v1/gateway_notes", GatewayNotesView.as_view()),
    path("v1/late_notes", LateClaimView.as_view()),
]
