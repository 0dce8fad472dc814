"""`/v1/reports/dispute_ratios` and `/v1/reports/dispute_outcomes`."""

from datetime import UTC, date, datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import EnumField, TextField, TimestampField
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.disputes.api.shapes import DISPUTE_OUTCOME, DISPUTE_RATIO
from apps.disputes.objects import render_outcome, render_ratio
from apps.disputes.tallies import (
    Grouping,
    count_outcomes_by,
    first_of_month,
    stand_with_schemes,
)

# Without a beginning, of this long.
_DEFAULT_SPAN = timedelta(days=90)


class ReadRatios(RequestSchema):
    month = TextField(required=False, min_length=7, max_length=7)


class ReadOutcomes(RequestSchema):
    by = EnumField([str(each) for each in Grouping], required=False)
    since = TimestampField(required=False)
    until = TimestampField(required=False)


class Ratios(ApiView):
    resource = "reports"
    schemas = {"GET": ReadRatios}
    answers = {"GET": ListOf(DISPUTE_RATIO)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        now = timezone.now()
        month = _month(params["month"]) if "month" in params else first_of_month(now)
        standings = stand_with_schemes(self.scope, month=month, now=now)
        return {
            "object": "list",
            "url": "/v1/reports/dispute_ratios",
            "has_more": False,
            "data": [render_ratio(standing) for standing in standings],
        }


class Outcomes(ApiView):
    resource = "reports"
    schemas = {"GET": ReadOutcomes}
    answers = {"GET": ListOf(DISPUTE_OUTCOME)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        until = params.get("until", timezone.now())
        outcomes = count_outcomes_by(
            self.scope,
            Grouping(params.get("by", Grouping.REASON)),
            since=params.get("since", until - _DEFAULT_SPAN),
            until=until,
        )
        return {
            "object": "list",
            "url": "/v1/reports/dispute_outcomes",
            "has_more": False,
            "data": [render_outcome(outcome) for outcome in outcomes],
        }


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidParameter("month reads like 2026-11.", param="month") from None
