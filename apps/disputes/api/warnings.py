"""`/v1/radar/early_fraud_warnings`: banks that call a payment a fraud before it is disputed."""

from typing import Any

from django.http import HttpRequest

from apps.api.fields import IdField
from apps.api.lists import ListSchema, list_page
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.rows import get_row
from apps.disputes.api.shapes import FRAUD_WARNING
from apps.disputes.objects import render_warning
from apps.disputes.prevention import list_warnings
from apps.payments.selectors import as_attempt_id


class ListWarnings(ListSchema):
    charge = IdField("ch", required=False)
    payment_intent = IdField("pi", required=False)


class WarningView(ApiView):
    resource = "radar"

    # `is_open` is annotated by the selector.
    def show(self, report: Any) -> Json:
        """Return the warning, and whether a refund can still spare a dispute."""
        return render_warning(report, report.attempt.charge_id, is_open=report.is_open)


class WarningList(WarningView):
    schemas = {"GET": ListWarnings}
    answers = {"GET": ListOf(FRAUD_WARNING)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = list_warnings(self.scope)
        if "payment_intent" in params:
            rows = rows.filter(intent_id=params["payment_intent"])
        if "charge" in params:
            rows = rows.filter(attempt_id=as_attempt_id(params["charge"]))
        return list_page(rows, params, url="/v1/radar/early_fraud_warnings", show=self.show)


class WarningDetail(WarningView):
    answers = {"GET": FRAUD_WARNING}

    def get(self, _request: HttpRequest, warning_id: str) -> Json:
        self.load()
        rows = list_warnings(self.scope)
        return self.show(
            get_row(rows, self.scope, warning_id, resource="early_fraud_warning", param="id")
        )
