"""`/v1/ledger/*`: the books themselves, to read; and manual journals to ask for."""

from datetime import date
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.errors import ParameterMissing
from apps.api.fields import (
    CurrencyField,
    IntegerField,
    ListField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json, Result
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.common.rows import get_row
from apps.ledger.api.shapes import JOURNAL, JOURNAL_REQUEST, LEDGER_ACCOUNT, TRIAL_BALANCE
from apps.ledger.drafts import Leg
from apps.ledger.models import Account, EntryKey, JournalEntry
from apps.ledger.objects import (
    render_account,
    render_journal,
    render_request,
    render_trial_balance,
)
from apps.ledger.selectors import list_trial_balance
from apps.ledger.services.manual import request_journal

# More legs than these no person checks.
MAX_MANUAL_LEGS = 50
MAX_POSTING = 10**15


class ListAccounts(ListSchema):
    code = TextField(required=False, max_length=40)
    owner = TextField(required=False, max_length=100)


class ListJournals(ListSchema):
    kind = TextField(required=False, max_length=40)
    source_type = TextField(required=False, max_length=40)
    source_id = TextField(required=False, max_length=100)


class ManualPosting(RequestSchema):
    """One leg: a debit is positive, a credit negative, in minor units."""

    account = TextField(max_length=40)
    owner = TextField(required=False, max_length=100)
    amount = IntegerField(min_value=-MAX_POSTING, max_value=MAX_POSTING)
    currency = CurrencyField()


class CreateJournal(RequestSchema):
    description = TextField(min_length=1, max_length=255)
    postings = ListField(ManualPosting(), max_length=MAX_MANUAL_LEGS)
    value_on = TextField(required=False, max_length=10)


class TrialBalanceQuery(RequestSchema):
    as_of = TimestampField(required=False)


class LedgerView(ApiView):
    resource = "ledger"

    @property
    def walls(self) -> dict[str, Any]:
        """Return the filter which keeps to the caller's own books."""
        return {"merchant_id": self.scope.merchant_id, "livemode": self.scope.livemode}


class AccountList(LedgerView):
    schemas = {"GET": ListAccounts}
    answers = {"GET": ListOf(LEDGER_ACCOUNT)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Account.objects.filter(**self.walls).prefetch_related("balances")
        for name in ("code", "owner"):
            if name in params:
                rows = rows.filter(**{name: params[name]})
        for cursor in ("starting_after", "ending_before"):
            if cursor in params:
                params[cursor] = _account_key(params[cursor], param=cursor)
        return list_page(rows, params, url="/v1/ledger/accounts", show=render_account)


class AccountDetail(LedgerView):
    answers = {"GET": LEDGER_ACCOUNT}

    def get(self, _request: HttpRequest, account_id: str) -> Json:
        self.load()
        key = _account_key(account_id, param="id")
        account = get_row(Account.objects, self.scope, key, resource="ledger account", param="id")
        return render_account(account)


class JournalList(LedgerView):
    schemas = {"GET": ListJournals, "POST": CreateJournal}
    answers = {"GET": ListOf(JOURNAL), "POST": JOURNAL_REQUEST}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = JournalEntry.objects.filter(**self.walls).prefetch_related("postings__account")
        if "kind" in params:
            rows = rows.filter(kind=params["kind"])
        if "source_id" in params:
            if "source_type" not in params:
                raise ParameterMissing(param="source_type", param_name="source_type")
            keys = EntryKey.objects.filter(
                source_type=params["source_type"], source_id=params["source_id"]
            )
            rows = rows.filter(pk__in=list(keys.values_list("entry_id", flat=True)))
        return list_page(
            rows,
            params,
            url="/v1/ledger/journals",
            show=render_journal,
            created_field="booked_at",
        )

    def post(self, _request: HttpRequest) -> Result:
        params = self.load()
        legs = [
            Leg(
                account=posting["account"],
                owner=posting.get("owner", ""),
                amount=posting["amount"],
                currency=posting["currency"].upper(),
            )
            for posting in params["postings"]
        ]
        approval = request_journal(
            scope=self.scope,
            legs=legs,
            description=params["description"],
            value_on=_read_day(params.get("value_on")),
            origin=self.origin,
            now=timezone.now(),
        )
        return HTTPStatus.ACCEPTED, render_request(approval)


class JournalDetail(LedgerView):
    answers = {"GET": JOURNAL}

    def get(self, _request: HttpRequest, journal_id: str) -> Json:
        self.load()
        entry = get_row(
            JournalEntry.objects, self.scope, journal_id, resource="journal", param="id"
        )
        return render_journal(entry)


class TrialBalance(LedgerView):
    schemas = {"GET": TrialBalanceQuery}
    answers = {"GET": TRIAL_BALANCE}

    def get(self, _request: HttpRequest) -> Json:
        as_of = self.load().get("as_of")
        lines = list_trial_balance(scope=self.scope, as_of=as_of)
        return render_trial_balance(lines, as_of=as_of or timezone.now())


def _account_key(account_id: str, *, param: str) -> int:
    prefix, _, number = account_id.partition("_")
    if prefix != "lacc" or not number.isascii() or not number.isdigit():
        raise ResourceMissing(resource="ledger account", id=account_id[:60], param=param)
    return int(number[:18])


def _read_day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidParameter(
            "value_on must be a day like 2026-11-21.", param="value_on"
        ) from error
