"""The books in the back-office: to be read, never to be changed."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import (
    NOTHING,
    chip,
    identifier,
    link,
    mode_chip,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.filters import RowFilter, created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Drawings, Facts, Page, Table, Text
from apps.ledger import chart
from apps.ledger.drawings import draw_balance
from apps.ledger.models import Account, Balance, EntryKey, ExchangeRate, JournalEntry, Posting
from apps.ledger.recipes.disputes import DISPUTE
from apps.ledger.recipes.exchange import POSITION
from apps.ledger.recipes.payments import ATTEMPT, REFUND
from apps.ledger.recipes.sellers import PAYOUT, TRANSFER, TRANSFER_REVERSAL
from apps.ledger.recipes.settlements import SETTLEMENT
from apps.ledger.selectors import get_balance
from apps.ledger.states import Side

# What is booked; the key of entries begins with it.
_SOURCES = (
    ATTEMPT, DISPUTE, PAYOUT, POSITION, REFUND, SETTLEMENT, TRANSFER, TRANSFER_REVERSAL,
)  # fmt: skip
POSTINGS_SHOWN = 100
RATES_SHOWN = 20

# The balances are kept per account, so this reads as many rows as there are accounts.
_TOTALS = """
SELECT account.livemode, account.currency, sum(debit_posted), sum(credit_posted)
  FROM ledger_account account JOIN ledger_balance balance ON balance.account_id = account.id
 GROUP BY account.livemode, account.currency ORDER BY account.livemode DESC, account.currency
"""


@admin.register(Account)
class AccountAdmin(ObjectAdmin):
    """The trial balance: every account, and per currency the two sums that must be equal."""

    search_help_text = "Code of the account, or its owner"
    list_display = ("what", "kind", "debits", "credits_", "balance", "mode")
    list_filter = ("kind", "livemode")
    list_before_template = "admin/backoffice/trial_balance.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the totals above the accounts."""
        return super().changelist_view(request, {"totals": read_totals(), **(extra_context or {})})

    def prepare(self, rows: list[Any]) -> None:
        """Load the sums of the page's accounts."""
        sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for shard in Balance.objects.filter(account_id__in=[row.pk for row in rows]):
            sums[shard.account_id][0] += shard.debit_posted
            sums[shard.account_id][1] += shard.credit_posted
        for row in rows:
            row.debit, row.credit = sums[row.pk]

    @admin.display(description="Account")
    def what(self, account: Account) -> SafeString:
        """Return the code and whose account it is."""
        return stacked(f"{words(account.code)} · {account.currency}", account.owner or "platform")

    @admin.display(description="Debit")
    def debits(self, account: Any) -> str:
        """Return the sum of all debits."""
        return money(account.debit, account.currency)

    @admin.display(description="Credit")
    def credits_(self, account: Any) -> str:
        """Return the sum of all credits."""
        return money(account.credit, account.currency)

    @admin.display(description="Balance")
    def balance(self, account: Any) -> str:
        """Return the balance, seen from the account's own side."""
        sign = 1 if account.normal_side == Side.DEBIT else -1
        return money(sign * (account.debit - account.credit), account.currency)

    @admin.display(description="Mode")
    def mode(self, account: Account) -> SafeString:
        """Return whether the money is real."""
        return mode_chip(livemode=account.livemode)

    def look_up(self, term: str) -> Q | None:
        """Search by code or owner: there are few accounts beside those of sellers."""
        return Q(code=term.lower().replace(" ", "_")) | Q(owner=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one account with its last postings."""
        balance = get_balance(obj)
        legs = (
            Posting.objects.filter(account_id=obj.pk)
            .select_related("entry")
            .order_by("-entry_id")[:POSTINGS_SHOWN]
        )
        return Page(
            heading=format_html("{} {}", words(obj.code), obj.currency),
            chips=(chip(words(obj.kind)), self.mode(obj)),
            subtitle=obj.owner or "platform",
            main=(
                Drawings([draw_balance(obj, now=timezone.now())]),
                Table(
                    "Last postings",
                    ("Entry", "Source", "Layer", "Debit", "Credit"),
                    [_account_row(leg) for leg in legs],
                    empty="Nothing is booked here yet.",
                    numbers=(3, 4),
                ),
            ),
            side=(
                Facts(
                    "Balance",
                    [
                        ("Posted", money(balance.posted, obj.currency)),
                        ("Pending", money(balance.pending, obj.currency)),
                        ("Available", money(balance.available, obj.currency)),
                    ],
                ),
                Facts(
                    "Details",
                    [
                        ("Grows by", words(obj.normal_side)),
                        ("Floor", money(obj.floor, obj.currency)),
                        ("Opened", moment(obj.created_at)),
                        ("Closed", moment(obj.closed_at)),
                    ],
                ),
            ),
        )


class BookedOnFilter(RowFilter):
    """Entries with a posting on an account of the chart, whoever owns it."""

    title = "account"
    parameter_name = "account"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the accounts of the chart."""
        return [(account.code, words(account.code)) for account in chart.CHART]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the entries of the account that was chosen."""
        if not self.value():
            return queryset
        legs = Posting.objects.filter(entry_id=OuterRef("pk"), account__code=self.value())
        return queryset.filter(Exists(legs))


@admin.register(JournalEntry)
class JournalEntryAdmin(ObjectAdmin):
    """Every booked fact."""

    search_help_text = "Id of the entry, or of what it books"
    list_display = ("what", "turnover", "source", "value_on", "booked")
    list_filter = (created_filter("jrn"), BookedOnFilter, "livemode")

    def prepare(self, rows: list[Any]) -> None:
        """Load the page's postings."""
        legs = defaultdict(list)
        for leg in Posting.objects.filter(entry_id__in=[row.pk for row in rows], amount__gt=0):
            legs[leg.entry_id].append(leg)
        for row in rows:
            row.debits = legs[row.pk]

    @admin.display(description="Entry")
    def what(self, entry: JournalEntry) -> SafeString:
        """Return the kind and the id."""
        return stacked(words(entry.kind), entry.id)

    @admin.display(description="Debits")
    def turnover(self, entry: Any) -> str:
        """Return what the entry moves, per currency."""
        sums: dict[str, int] = defaultdict(int)
        for leg in entry.debits:
            sums[leg.currency] += leg.amount
        return ", ".join(money(amount, currency) for currency, amount in sums.items())

    @admin.display(description="Source")
    def source(self, entry: JournalEntry) -> SafeString:
        """Return what was booked."""
        return stacked(words(entry.source_type), entry.source_id)

    def look_up(self, term: str) -> Q | None:
        """Search by the entry's id, or by that of what it books."""
        booked = EntryKey.objects.filter(source_type__in=_SOURCES, source_id=term)
        return Q(pk=term) | Q(pk__in=list(booked.values_list("entry_id", flat=True)))

    @admin.display(description="Booked")
    def booked(self, entry: JournalEntry) -> Text:
        """Return when it was booked."""
        return moment(entry.booked_at)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one entry with its legs."""
        legs = Posting.objects.filter(entry_id=obj.pk).select_related("account").order_by("leg")
        reversed_ = (
            link(reverse("admin:ledger_journalentry_change", args=[obj.reverses]), obj.reverses)
            if obj.reverses
            else NOTHING
        )
        return Page(
            heading=words(obj.kind),
            chips=(mode_chip(livemode=obj.livemode),),
            subtitle=identifier(obj.id),
            main=(
                Table(
                    "Postings",
                    ("Account", "Layer", "Debit", "Credit"),
                    [(_account_link(leg), words(leg.layer), *_sides(leg)) for leg in legs],
                    empty="An entry without postings cannot exist.",
                    numbers=(2, 3),
                ),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Source", stacked(words(obj.source_type), obj.source_id)),
                        ("Value date", str(obj.value_on)),
                        ("Booked", moment(obj.booked_at)),
                        ("Reverses", reversed_),
                        ("Description", obj.description or NOTHING),
                        ("Digest", identifier(bytes(obj.digest).hex())),
                    ],
                ),
            ),
        )


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ObjectAdmin):
    """Every rate that a gateway or a publisher told us."""

    search_help_text = "Currency, like EUR, or a pair, like EUR/USD"
    list_display = ("pair", "rate", "source", "told")
    ordering = ("-pk",)

    @admin.display(description="Pair")
    def pair(self, rate: ExchangeRate) -> str:
        """Return from which currency into which."""
        return f"{rate.base}/{rate.quote}"

    @admin.display(description="Rate")
    def rate(self, rate: ExchangeRate) -> str:
        """Return the exact decimal."""
        return f"{rate.value.normalize():f}"

    @admin.display(description="As of")
    def told(self, rate: ExchangeRate) -> Text:
        """Return when it held."""
        return moment(rate.as_of)

    def look_up(self, term: str) -> Q | None:
        """Search by the currency that is changed, or by both."""
        base, slash, quote = term.upper().partition("/")
        return Q(base=base, quote=quote) if slash else Q(base=base)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one rate, with those of the same pair that were told around it."""
        near = ExchangeRate.objects.filter(base=obj.base, quote=obj.quote).order_by("-as_of")
        return Page(
            heading=str(obj),
            subtitle=f"1 {obj.base} = {self.rate(obj)} {obj.quote}",
            main=(
                Table(
                    "Latest of this pair",
                    ("Rate", "Source", "As of"),
                    [(self.rate(row), row.source, moment(row.as_of)) for row in near[:RATES_SHOWN]],
                    empty="There is this one.",
                    numbers=(0,),
                ),
            ),
            side=(Facts("Details", [("Told by", obj.source), ("As of", moment(obj.as_of))]),),
        )


def read_totals() -> list[dict[str, Any]]:
    """Return per mode and currency the two sums of the books, which must be equal."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        return [
            {
                "mode": "Live" if livemode else "Test",
                "debit": money(int(debit), currency),
                "credit": money(int(credit), currency),
                "is_balanced": debit == credit,
            }
            for livemode, currency, debit, credit in cursor.fetchall()
        ]


def _account_row(leg: Posting) -> tuple[Text, ...]:
    entry = link(
        reverse("admin:ledger_journalentry_change", args=[leg.entry_id]), words(leg.entry.kind)
    )
    return (entry, leg.entry.source_id, words(leg.layer), *_sides(leg))


def _account_link(leg: Posting) -> SafeString:
    url = reverse("admin:ledger_account_change", args=[leg.account_id])
    return stacked(link(url, words(leg.account.code)), leg.account.owner or "platform")


def _sides(leg: Posting) -> tuple[str, str]:
    debit = money(leg.amount, leg.currency) if leg.amount > 0 else ""
    return debit, money(-leg.amount, leg.currency) if leg.amount < 0 else ""
