"""`/v1/reports/*`, `/v1/reporting/report_types` and `/v1/reporting/report_runs`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.api.fields import CurrencyField, EnumField, TextField, TimestampField
from apps.api.lists import ListSchema, list_page
from apps.api.models import Merchant
from apps.api.schemas import RequestSchema
from apps.api.shapes import Download, ListOf
from apps.api.views import ApiView, Json
from apps.backoffice.books import FORMATS, MEDIA_TYPES
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.reporting.api.shapes import FORECAST, REPORT_RUN, REPORT_TYPE, SUMMARY
from apps.reporting.models import ReportRun
from apps.reporting.objects import (
    render_expected_payout,
    render_report_run,
    render_report_type,
    render_summary,
)
from apps.reporting.reports import REPORTS, Report
from apps.reporting.selectors import (
    Interval,
    figures_as_of,
    forecast_errors,
    forecast_of,
    gateway_accounts,
    summarise_money,
    summarise_tries,
)
from apps.reporting.services.report_runs import run_report
from apps.reporting.spans import Span

# What one answer can tell: more rows nobody reads, and a file has no such limit.
LONGEST: Final = {
    Interval.HOUR: timedelta(days=31),
    Interval.DAY: timedelta(days=366),
    Interval.MONTH: timedelta(days=3_660),
}
DEFAULT_SPAN: Final = timedelta(days=30)
LONGEST_REPORT: Final = timedelta(days=3_660)


class ReadSummary(RequestSchema):
    since = TimestampField(required=False)
    until = TimestampField(required=False)
    interval = EnumField(list(Interval), required=False)
    gateway = TextField(required=False, min_length=1, max_length=40)


class ReadForecast(RequestSchema):
    gateway = TextField(required=False, min_length=1, max_length=40)
    currency = CurrencyField(required=False)


class ReportParameters(RequestSchema):
    interval_start = TimestampField()
    interval_end = TimestampField()
    currency = CurrencyField(required=False)


class CreateReportRun(RequestSchema):
    report_type = EnumField(sorted(REPORTS))
    parameters = ReportParameters()
    # The first one that the report is made as, if nothing is said.
    format = EnumField(FORMATS, required=False)


class Summary(ApiView):
    resource = "reports"
    schemas = {"GET": ReadSummary}
    answers = {"GET": SUMMARY}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        interval = Interval(params.get("interval", Interval.DAY))
        until = params.get("until", timezone.now())
        since = params.get("since", until - DEFAULT_SPAN)
        _check_span(since, until, longest=LONGEST[interval], names=("since", "until"))
        asked: dict[str, Any] = {
            "scope": self.scope,
            "since": _full_hour(since),
            "until": until,
            "interval": interval,
            "gateway": params.get("gateway", ""),
        }
        return render_summary(
            summarise_money(**asked), summarise_tries(**asked), as_of=figures_as_of()
        )


class SettlementForecast(ApiView):
    resource = "reports"
    schemas = {"GET": ReadForecast}
    answers = {"GET": FORECAST}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        now = timezone.now()
        gateway, currency = params.get("gateway"), params.get("currency", "").upper()
        accounts = [
            account
            for account in gateway_accounts(self.scope)
            if gateway in {None, account[0]} and currency in {"", account[1]}
        ]
        return {
            "object": "reports.settlement_forecast",
            "as_of": _unix_or_none(figures_as_of()),
            "data": [
                render_expected_payout(name, unit, payout)
                for name, unit in accounts
                for payout in forecast_of(scope=self.scope, gateway=name, currency=unit, now=now)
            ],
            "mean_error": {
                str(ahead): error
                for ahead, error in forecast_errors(scope=self.scope, now=now).items()
            },
        }


class ReportTypeList(ApiView):
    """All reports; there are few, so that they are one page."""

    resource = "reports"
    answers = {"GET": ListOf(REPORT_TYPE)}

    def get(self, _request: HttpRequest) -> Json:
        self.load()
        return {
            "object": "list",
            "data": _show_types(self.scope, REPORTS.values()),
            "has_more": False,
            "url": "/v1/reporting/report_types",
        }


class ReportTypeDetail(ApiView):
    resource = "reports"
    answers = {"GET": REPORT_TYPE}

    def get(self, _request: HttpRequest, name: str) -> Json:
        self.load()
        if name not in REPORTS:
            raise ResourceMissing(resource="report type", id=name[:60], param="id")
        (shown,) = _show_types(self.scope, [REPORTS[name]])
        return shown


def _show_types(scope: Scope, reports: Iterable[Report]) -> list[Json]:
    first = Merchant.objects.get(pk=scope.merchant_id).created_at
    last = figures_as_of() or timezone.now()
    return [
        render_report_type(report, livemode=scope.livemode, first=first, last=last)
        for report in reports
    ]


class ReportRunList(ApiView):
    resource = "reports"
    schemas = {"GET": ListSchema, "POST": CreateReportRun}
    answers = {"GET": ListOf(REPORT_RUN), "POST": REPORT_RUN}

    def get(self, _request: HttpRequest) -> Json:
        rows = ReportRun.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        ).defer("content")
        return list_page(rows, self.load(), url="/v1/reporting/report_runs", show=render_report_run)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        wanted = params["parameters"]
        names = ("parameters[interval_start]", "parameters[interval_end]")
        since, until = wanted["interval_start"], wanted["interval_end"]
        _check_span(since, until, longest=LONGEST_REPORT, names=names)
        report = REPORTS[params["report_type"]]
        run = run_report(
            report=report,
            span=Span(
                scope=self.scope,
                since=_full_hour(since),
                until=until,
                made_at=timezone.now(),
                currency=wanted.get("currency", "").upper(),
            ),
            file_format=params.get("format", report.formats[0]),
            origin=self.origin,
        )
        return render_report_run(run)


class ReportRunDetail(ApiView):
    resource = "reports"
    answers = {"GET": REPORT_RUN}

    def get(self, _request: HttpRequest, run_id: str) -> Json:
        self.load()
        return render_report_run(self.find(run_id))

    def find(self, run_id: str) -> ReportRun:
        """
        Return the merchant's run.

        :raises ResourceMissing: no such run in this account and mode
        """
        return get_row(ReportRun.objects, self.scope, run_id, resource="report run", param="id")


class ReportRunContents(ReportRunDetail):
    """The file's bytes, to be saved."""

    answers = {"GET": Download(tuple(kind.partition(";")[0] for kind in MEDIA_TYPES.values()))}
    _file: ReportRun | None = None

    def get(self, _request: HttpRequest, run_id: str) -> Json:
        self.load()
        self._file = self.find(run_id)
        return {}

    def _respond(self, status: int, body: str, headers: dict[str, str]) -> HttpResponse:
        response = super()._respond(status, body, headers)
        if self._file is not None:
            response.content = bytes(self._file.content)
            response["Content-Type"] = MEDIA_TYPES[self._file.file_format]
            response["Content-Disposition"] = f'attachment; filename="{self._file.file_name}"'
        return response


def _check_span(
    since: datetime, until: datetime, *, longest: timedelta, names: tuple[str, str]
) -> None:
    first, last = names
    if since >= until:
        raise InvalidParameter(f"{first} must be before {last}.", param=first)
    if until - since > longest:
        raise InvalidParameter(
            f"From {first} to {last} there may be at most {longest.days} days.", param=first
        )


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _unix_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
