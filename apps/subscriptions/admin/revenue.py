"""The monthly recurring revenue in the back-office: how it moved, and by whom."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import Tone, chip, identifier, moment
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.filters import CurrencyFilter
from apps.backoffice.kit.pages import Facts, Page, Panel, Table, Text
from apps.outbox.timeline import timeline_of
from apps.subscriptions.admin.display import (
    bar,
    subscription_link,
    whole_money,
)
from apps.subscriptions.figures import MonthOfRevenue, read_revenue
from apps.subscriptions.models import RevenueChange

# Months above the list.
WINDOW = timedelta(days=366)


@admin.register(RevenueChange)
class RevenueChangeAdmin(FiguresAdmin):
    """Each change of what a subscription is worth a month."""

    search_help_text = "Subscription"
    list_display = ("kind", "of", "before_shown", "after_shown", "at")
    list_filter = ("livemode", CurrencyFilter)

    def figures(self) -> Sequence[Panel]:
        """Return the movements of a year, month by month."""
        now = timezone.now()
        months = read_revenue(start=now - WINDOW, end=now + timedelta(days=1))
        most = max((abs(float(month.net)) for month in months), default=0.0)
        return [
            Table(
                "Monthly recurring revenue, a year",
                ("Month", "New", "Expansion", "Contraction", "Churn", "Net", ""),
                [_month(month, most) for month in months],
                empty="Nothing has moved yet.",
                numbers=(1, 2, 3, 4, 5),
            )
        ]

    @admin.display(description="Change")
    def kind(self, row: RevenueChange) -> SafeString:
        """Return what kind of change it was."""
        if not row.before:
            return chip("New", Tone.GOOD)
        if not row.after:
            return chip("Churn", Tone.BAD)
        grows = row.after > row.before
        return chip("Expansion", Tone.GOOD) if grows else chip("Contraction", Tone.WARNING)

    @admin.display(description="Subscription")
    def of(self, row: RevenueChange) -> SafeString:
        """Return whose it is."""
        return subscription_link(row.subscription_id)

    @admin.display(description="Before")
    def before_shown(self, row: RevenueChange) -> str:
        """Return what it was worth."""
        return whole_money(row.before, row.currency)

    @admin.display(description="After")
    def after_shown(self, row: RevenueChange) -> str:
        """Return what it is worth."""
        return whole_money(row.after, row.currency)

    @admin.display(description="When")
    def at(self, row: RevenueChange) -> Text:
        """Return when."""
        return moment(row.changed_at)

    def look_up(self, term: str) -> Q | None:
        """Search by the subscription."""
        return Q(subscription_id=term) | Q(pk=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the change."""
        return Page(
            heading=whole_money(obj.after - obj.before, obj.currency) + " a month",
            chips=(self.kind(obj),),
            subtitle=identifier(obj.id),
            main=(timeline_of(obj.subscription_id),),
            side=(
                Facts(
                    "Change",
                    [
                        ("Subscription", self.of(obj)),
                        ("Before", self.before_shown(obj)),
                        ("After", self.after_shown(obj)),
                        ("When", self.at(obj)),
                    ],
                ),
            ),
        )


def _month(month: MonthOfRevenue, most: float) -> tuple[Text, ...]:
    parts = (month.new, month.expansion, -month.contraction, -month.churn, month.net)
    mode = "" if month.livemode else " (test)"
    label = f"Net {whole_money(month.net, month.currency)}"
    return (
        f"{month.month:%b %Y}{mode}",
        *(whole_money(part, month.currency) for part in parts),
        bar(abs(float(month.net)), most, label),
    )
