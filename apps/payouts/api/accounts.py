"""`/v1/accounts`: sellers and their wallets."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    AmountField,
    BooleanField,
    CurrencyField,
    EnumField,
    IntegerField,
    MetadataField,
    TextField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.common.metadata import with_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.payouts.api.shapes import SELLER, SELLER_BALANCE
from apps.payouts.models import Seller
from apps.payouts.objects import WEEKDAYS, render_seller
from apps.payouts.policies import BASIS_POINTS
from apps.payouts.selectors import get_seller, list_wallets
from apps.payouts.services.sellers import (
    create_seller,
    resume_seller,
    suspend_seller,
    update_seller,
)
from apps.payouts.states import PayoutInterval

# A share can wait three months at most, and a reserve can be held for half a year.
MAX_DELAY_DAYS = 90
MAX_RESERVE_DAYS = 180


class BusinessProfile(RequestSchema):
    name = TextField(required=False, allow_null=True, max_length=256)


class Schedule(RequestSchema):
    interval = EnumField(PayoutInterval.values, required=False)
    weekly_anchor = EnumField(WEEKDAYS, required=False)
    delay_days = IntegerField(required=False, max_value=MAX_DELAY_DAYS)


class Reserve(RequestSchema):
    basis_points = IntegerField(required=False, max_value=BASIS_POINTS)
    days = IntegerField(required=False, min_value=1, max_value=MAX_RESERVE_DAYS)


class PayoutSettings(RequestSchema):
    debit_negative_balances = BooleanField(required=False)
    minimum_amount = AmountField(required=False)
    reserve = Reserve(required=False)
    schedule = Schedule(required=False)


class Fees(RequestSchema):
    basis_points = IntegerField(required=False, max_value=BASIS_POINTS)


class AccountSettings(RequestSchema):
    fees = Fees(required=False)
    payouts = PayoutSettings(required=False)


class UpdateAccount(RequestSchema):
    business_profile = BusinessProfile(required=False)
    email = TextField(required=False, allow_null=True, max_length=512)
    external_account = TextField(required=False, allow_null=True, max_length=255)
    metadata = MetadataField()
    settings = AccountSettings(required=False)


class CreateAccount(UpdateAccount):
    country = TextField(required=False, min_length=2, max_length=2)
    default_currency = CurrencyField()
    type = EnumField(["custom", "express", "standard"], required=False)


class AccountList(ApiView):
    resource = "accounts"
    schemas = {"GET": ListSchema, "POST": CreateAccount}
    answers = {"GET": ListOf(SELLER), "POST": SELLER}

    def get(self, _request: HttpRequest) -> Json:
        rows = Seller.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        ).select_related("schedule")
        return list_page(
            rows,
            self.load(),
            url="/v1/accounts",
            show=lambda row: render_seller(row, row.schedule),
        )

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        fields = with_metadata(_columns(params), {})
        fields["default_currency"] = params["default_currency"].upper()
        fields["country"] = params.get("country", "").upper()
        seller = create_seller(
            scope=self.scope,
            fields=fields,
            schedule=_schedule(params),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_seller(seller, seller.schedule)


class AccountDetail(ApiView):
    resource = "accounts"
    schemas = {"POST": UpdateAccount}
    answers = {"GET": SELLER, "POST": SELLER}

    def get(self, _request: HttpRequest, account_id: str) -> Json:
        self.load()
        seller = get_seller(self.scope, account_id)
        return render_seller(seller, seller.schedule)

    def post(self, _request: HttpRequest, account_id: str) -> Json:
        params = self.load()
        seller = update_seller(
            scope=self.scope,
            seller_id=account_id,
            fields=_columns(params),
            schedule=_schedule(params),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_seller(seller, seller.schedule)


class AccountSuspend(ApiView):
    resource = "accounts"
    answers = {"POST": SELLER}

    def post(self, _request: HttpRequest, account_id: str) -> Json:
        self.load()
        seller = suspend_seller(
            scope=self.scope, seller_id=account_id, origin=self.origin, now=timezone.now()
        )
        return render_seller(seller, seller.schedule)


class AccountResume(ApiView):
    resource = "accounts"
    answers = {"POST": SELLER}

    def post(self, _request: HttpRequest, account_id: str) -> Json:
        self.load()
        seller = resume_seller(
            scope=self.scope, seller_id=account_id, origin=self.origin, now=timezone.now()
        )
        return render_seller(seller, seller.schedule)


class AccountBalance(ApiView):
    """The wallet, per currency: payable now, still waiting, held back."""

    resource = "accounts"
    answers = {"GET": SELLER_BALANCE}

    def get(self, _request: HttpRequest, account_id: str) -> Json:
        self.load()
        seller = get_seller(self.scope, account_id)
        wallets = list_wallets(seller)

        def column(name: str) -> list[Json]:
            return [
                {"amount": getattr(wallet, name), "currency": currency.lower()}
                for currency, wallet in wallets.items()
            ]

        return {
            "object": "balance",
            "account": seller.id,
            "available": column("available"),
            "livemode": seller.livemode,
            "pending": column("pending"),
            "reserved": column("reserved"),
        }


def _columns(params: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the seller which the parameters set."""
    settings = params.get("settings", {})
    payouts = settings.get("payouts", {})
    reserve = payouts.get("reserve", {})
    sources: list[tuple[str, dict[str, Any], str]] = [
        ("name", params.get("business_profile", {}), "name"),
        ("email", params, "email"),
        ("payout_destination", params, "external_account"),
        ("fee_basis_points", settings.get("fees", {}), "basis_points"),
        ("may_go_negative", payouts, "debit_negative_balances"),
        ("delay_days", payouts.get("schedule", {}), "delay_days"),
        ("reserve_basis_points", reserve, "basis_points"),
        ("reserve_days", reserve, "days"),
    ]
    columns = {
        column: "" if source[name] is None else source[name]
        for column, source, name in sources
        if name in source
    }
    if "metadata" in params:
        columns["metadata"] = params["metadata"]
    return columns


def _schedule(params: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the payout schedule which the parameters set."""
    payouts = params.get("settings", {}).get("payouts", {})
    schedule = payouts.get("schedule", {})
    columns = {name: schedule[name] for name in ("interval",) if name in schedule}
    if "weekly_anchor" in schedule:
        if schedule.get("interval") != PayoutInterval.WEEKLY:
            raise InvalidParameter(
                "weekly_anchor goes with interval weekly.",
                param="settings[payouts][schedule][weekly_anchor]",
            )
        columns["weekday"] = WEEKDAYS.index(schedule["weekly_anchor"])
    if "minimum_amount" in payouts:
        columns["minimum_amount"] = payouts["minimum_amount"]
    return columns


def load_accounts(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the sellers with these ids, for `expand[]`."""
    rows = get_rows(Seller.objects, scope, ids).select_related("schedule")
    return {row.id: render_seller(row, row.schedule) for row in rows}
