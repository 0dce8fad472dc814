"""`/v1/reconciliation/files`, `/runs` and `/exceptions`."""

from datetime import date

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import BooleanField, EnumField, FileField, TextField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.reconciliation.api.shapes import (
    RECONCILIATION_EXCEPTION,
    RECONCILIATION_RUN,
    STATEMENT_FILE,
)
from apps.reconciliation.models import Discrepancy, ReconciliationRun, StatementFile
from apps.reconciliation.objects import render_exception, render_file, render_run
from apps.reconciliation.selectors import get_exception, get_file, get_run
from apps.reconciliation.services import compare_day, import_statement, resolve_exception
from apps.reconciliation.services.exceptions import ACTIONS
from apps.reconciliation.states import (
    BANK_FORMATS,
    DiscrepancyKind,
    DiscrepancyStatus,
    StatementFormat,
)

# A request is read into memory; larger statements are taken in by `manage.py reconcile --file`.
MAX_UPLOAD_BYTES = 32 * 1024 * 1024


class UploadStatement(RequestSchema):
    file = FileField()
    format = EnumField(StatementFormat.values)
    # The framework's own `source` of a schema means nothing here.
    source = TextField(min_length=1, max_length=40)  # type: ignore[assignment]


class StartRun(RequestSchema):
    date = TextField(min_length=10, max_length=10)
    fetch = BooleanField(required=False)
    gateway = TextField(min_length=1, max_length=40)


class ListRuns(ListSchema):
    gateway = TextField(required=False, max_length=40)


class ListExceptions(ListSchema):
    gateway = TextField(required=False, max_length=40)
    kind = EnumField(DiscrepancyKind.values, required=False)
    status = EnumField(DiscrepancyStatus.values, required=False)


class ResolveException(RequestSchema):
    action = EnumField(ACTIONS)
    reason = TextField(min_length=1, max_length=500)


class ReconciliationView(ApiView):
    resource = "reconciliation"


class FileList(ReconciliationView):
    schemas = {"GET": ListSchema, "POST": UploadStatement}
    answers = {"GET": ListOf(STATEMENT_FILE), "POST": STATEMENT_FILE}
    max_body_bytes = MAX_UPLOAD_BYTES

    def get(self, _request: HttpRequest) -> Json:
        rows = StatementFile.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        return list_page(rows, self.load(), url="/v1/reconciliation/files", show=render_file)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        format_ = StatementFormat(params["format"])
        if format_ not in BANK_FORMATS:
            _check_gateway(params["source"], param="source")
        upload = params["file"]
        file = import_statement(
            scope=self.scope,
            source=params["source"],
            format=format_,
            stream=upload.file,
            name=upload.name or "",
            origin=self.origin,
            now=timezone.now(),
        )
        return render_file(file)


class FileDetail(ReconciliationView):
    answers = {"GET": STATEMENT_FILE}

    def get(self, _request: HttpRequest, file_id: str) -> Json:
        self.load()
        return render_file(get_file(self.scope, file_id))


class RunList(ReconciliationView):
    schemas = {"GET": ListRuns, "POST": StartRun}
    answers = {"GET": ListOf(RECONCILIATION_RUN), "POST": RECONCILIATION_RUN}
    # A run may fetch the gateway's report first; repeating it changes nothing.
    transactional_answer = False

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = ReconciliationRun.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "gateway" in params:
            rows = rows.filter(gateway=params["gateway"])
        return list_page(rows, params, url="/v1/reconciliation/runs", show=render_run)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        _check_gateway(params["gateway"], param="gateway")
        run = compare_day(
            scope=self.scope,
            gateway=params["gateway"],
            day=_day(params["date"]),
            is_to_fetch=params.get("fetch", False),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_run(run)


class RunDetail(ReconciliationView):
    answers = {"GET": RECONCILIATION_RUN}

    def get(self, _request: HttpRequest, run_id: str) -> Json:
        self.load()
        return render_run(get_run(self.scope, run_id))


class ExceptionList(ReconciliationView):
    schemas = {"GET": ListExceptions}
    answers = {"GET": ListOf(RECONCILIATION_EXCEPTION)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Discrepancy.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        filters = {name: params[name] for name in ("gateway", "kind", "status") if name in params}
        return list_page(
            rows.filter(**filters),
            params,
            url="/v1/reconciliation/exceptions",
            show=render_exception,
        )


class ExceptionDetail(ReconciliationView):
    answers = {"GET": RECONCILIATION_EXCEPTION}

    def get(self, _request: HttpRequest, exception_id: str) -> Json:
        self.load()
        return render_exception(get_exception(self.scope, exception_id))


class ExceptionResolve(ReconciliationView):
    schemas = {"POST": ResolveException}
    answers = {"POST": RECONCILIATION_EXCEPTION}

    def post(self, _request: HttpRequest, exception_id: str) -> Json:
        params = self.load()
        row = resolve_exception(
            scope=self.scope,
            exception_id=exception_id,
            action=params["action"],
            reason=params["reason"],
            origin=self.origin,
            now=timezone.now(),
        )
        return render_exception(row)


def _check_gateway(name: str, *, param: str) -> None:
    if name not in settings.GATEWAYS:
        raise InvalidParameter(f"There is no gateway account {name!r}.", param=param)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidParameter("A date is written as 2026-11-18.", param="date") from None
