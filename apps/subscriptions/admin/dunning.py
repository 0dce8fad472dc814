"""Dunning in the back-office: the policies, the funnel, and the mails before they are sent."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import chip, identifier, moment, money, words
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.pages import Facts, Page, Panel, Table, Text
from apps.outbox.timeline import timeline_of
from apps.subscriptions.admin.display import bar
from apps.subscriptions.figures import DEFAULT_WINDOW, Recovery, Tally, read_recovery
from apps.subscriptions.models import DunningPolicy
from apps.subscriptions.services.mails import preview_mails
from apps.subscriptions.words import LANGUAGES


@admin.register(DunningPolicy)
class DunningPolicyAdmin(FiguresAdmin):
    """When unpaid invoices are tried again, and what that brings."""

    search_help_text = "Policy"
    list_display = ("name", "days", "then", "is_the_default", "at")

    def figures(self) -> Sequence[Panel]:
        """Return the funnel of the last 90 days."""
        now = timezone.now()
        found = read_recovery(start=now - DEFAULT_WINDOW, end=now)
        return [_funnel(recovery) for recovery in found]

    def folded(self) -> Sequence[tuple[str, Sequence[Panel]]]:
        """Return the mails, before anybody gets them."""
        return [("Mails to customers", _mails())]

    @admin.display(description="Days")
    def days(self, row: DunningPolicy) -> str:
        """Return the days of the retries."""
        return ", ".join(str(day) for day in row.retry_days)

    @admin.display(description="Then")
    def then(self, row: DunningPolicy) -> str:
        """Return what happens in the end."""
        return words(row.final_action)

    @admin.display(description="Default")
    def is_the_default(self, row: DunningPolicy) -> Text:
        """Return whether it is used where none is named."""
        return chip("Default") if row.is_default else ""

    @admin.display(description="Created")
    def at(self, row: DunningPolicy) -> Text:
        """Return when."""
        return moment(row.created_at)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the schedule and the mails."""
        return Page(
            heading=obj.name,
            subtitle=identifier(obj.id),
            main=(*_mails(), timeline_of(obj.id)),
            side=(
                Facts(
                    "Schedule",
                    [
                        ("Retries on days", self.days(obj)),
                        ("Then", self.then(obj)),
                        ("Grace", f"{obj.grace_days} days"),
                        ("Customer's wall clock", "yes" if obj.local_time else "no"),
                        ("Hour", "any" if obj.hour_of_day is None else f"{obj.hour_of_day}:00"),
                        ("Mails", "yes" if obj.send_emails else "no"),
                    ],
                ),
            ),
        )


def _funnel(recovery: Recovery) -> Table:
    """Return step by step how many invoices were still unpaid, and what was paid."""
    left = recovery.failed.count
    rows: list[tuple[Text, ...]] = []
    for step in range(max(recovery.by_step, default=0) + 1):
        paid = recovery.by_step.get(step, Tally())
        label = f"After retry {step}" if step else "Before the first retry"
        rows.append(_step(label, left, paid, recovery))
        left -= paid.count
    for label, tally in (("Still tried", recovery.open), ("Given up", recovery.lost)):
        rows.append((label, "", str(tally.count), money(tally.amount, recovery.currency), ""))
    title = (
        f"Dunning of 90 days, {recovery.currency}: {recovery.failed.count} failed,"
        f" {recovery.rate:.0%} of what is decided was recovered"
    )
    columns = ("Step", "Unpaid until then", "Invoices", "Amount", "Share")
    return Table(title, columns, rows, empty="No invoice failed.", numbers=(1, 2, 3))


def _step(label: str, left: int, paid: Tally, recovery: Recovery) -> tuple[Text, ...]:
    return (
        label,
        str(left),
        str(paid.count),
        money(paid.amount, recovery.currency),
        bar(paid.count, recovery.failed.count, f"{paid.count} of {recovery.failed.count}"),
    )


def _mails() -> list[Table]:
    now = timezone.now()
    return [
        Table(
            f"Mails, {language}",
            ("Step", "Subject", "Text"),
            [
                (words(template), subject, _text(body))
                for template, subject, body in preview_mails(language, now=now)
            ],
            empty="",
        )
        for language in LANGUAGES
    ]


def _text(body: str) -> SafeString:
    return format_html('<pre class="bo-mail">{}</pre>', body)
