"""Checkout sessions in the back-office: which link a payer got, and what became of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.columns import Column, major
from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    copyable,
    identifier,
    masked,
    moment,
    money,
    stacked,
    words,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.backoffice.kit.related import Related
from apps.checkout.models import Session
from apps.checkout.objects import page_url
from apps.checkout.selectors import trial_end_of
from apps.checkout.services.sessions import expire_session
from apps.checkout.states import SessionStatus
from apps.common.origin import Origin
from apps.outbox.timeline import timeline_of

_TONES: Final = {
    SessionStatus.OPEN: Tone.BUSY,
    SessionStatus.COMPLETE: Tone.GOOD,
    SessionStatus.EXPIRED: Tone.NEUTRAL,
}
# By what a session is found, besides its own id: each column has an index of its own.
_BELONGINGS: Final = {
    "pi": "payment_intent_id",
    "seti": "setup_intent_id",
    "sub": "subscription_id",
}


class ExpireDialog(Dialog):
    """Take a link back."""

    name = "expire"
    label = "Take the link back…"
    permission = "backoffice.cancel_payment"
    form_class = ReasonForm
    submit = "Take it back"
    is_dangerous = True
    subject: Session

    def is_offered(self) -> bool:
        """Return whether somebody could still pay by it."""
        return bool(self.subject.status == SessionStatus.OPEN)

    def explanation(self) -> str:
        """Say what the payer sees then."""
        return "Nobody can pay by the link any more; its page says that it has expired."

    def look(self) -> Mapping[str, Any]:
        """Return where the session stands."""
        return Session.objects.values("status", "payment_status").get(pk=self.subject.pk)

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Expire."""
        expire_session(scope=self.subject.scope, session_id=self.subject.pk, origin=origin, now=now)
        return Outcome(message="The link is taken back; nothing was charged.")


@admin.register(Session)
class SessionAdmin(ObjectAdmin):
    """Links under which payers pay, save a card or subscribe."""

    search_help_text = "Session, payment, setup or subscription"
    list_display = ("what", "total", "state", "purpose", "until", "at")
    list_filter = ("status", "mode", "livemode", created_filter("cs"))
    tabs = (
        ("All", ""),
        ("Open", "status__exact=open"),
        ("Complete", "status__exact=complete"),
        ("Expired", "status__exact=expired"),
    )
    dialogs = (ExpireDialog,)
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Status", lambda row: str(row.status)),
        Column("Purpose", lambda row: str(row.mode)),
        Column("Amount", lambda row: major(row.amount_total, row.currency or "EUR")),
        Column("Currency", lambda row: str(row.currency)),
        Column("Payment", lambda row: str(row.payment_intent_id)),
        Column("Customer", lambda row: str(row.customer_id)),
        Column("Reference", lambda row: str(row.client_reference_id)),
        Column("Created (UTC)", lambda row: row.created_at),
    )

    @admin.display(description="Session")
    def what(self, session: Session) -> SafeString:
        """Return the id, and what the shop calls the basket."""
        about = session.client_reference_id or session.customer_id or "Guest"
        return stacked(format_html("<code>{}</code>", session.pk), about)

    @admin.display(description="Amount")
    def total(self, session: Session) -> str:
        """Return what the basket costs."""
        return _total(session)

    @admin.display(description="Status")
    def state(self, session: Session) -> SafeString:
        """Return whether the link was used."""
        return session_chip(session.status)

    @admin.display(description="Purpose")
    def purpose(self, session: Session) -> str:
        """Return what the payer is asked for."""
        return words(session.mode)

    @admin.display(description="Expires")
    def until(self, session: Session) -> Text:
        """Return until when the link works."""
        return moment(session.expires_at)

    @admin.display(description="Created")
    def at(self, session: Session) -> SafeString:
        """Return when it was opened, and whether the money is real."""
        return stacked(moment(session.created_at), words("live" if session.livemode else "test"))

    def look_up(self, term: str) -> Q | None:
        """Search by the session's id, or by that of what it brought about."""
        column = _BELONGINGS.get(term.partition("_")[0])
        return Q(**{column: term}) if column else Q(pk=term)

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return the basket, what became of it, and the link while it works."""
        return Page(
            heading=_total(obj) if obj.currency else words(obj.mode),
            chips=(session_chip(obj.status), chip(words("live" if obj.livemode else "test"))),
            subtitle=identifier(obj.pk),
            main=(_basket(obj), timeline_of(obj.pk)),
            side=(
                *_link(obj),
                _details(obj, may_see_people=request.user.has_perm("backoffice.view_pii")),
            ),
        )


def session_chip(status: str) -> SafeString:
    """Return whether the link was used."""
    return chip(words(status), _TONES[SessionStatus(status)])


def session_of(intent: Any) -> Iterator[Related]:
    """Return the session under whose link a payment was made."""
    for session in Session.objects.filter(payment_intent_id=intent.pk):
        yield Related(
            kind="checkout_session",
            id=session.pk,
            status=session_chip(session.status),
            about=_total(session),
        )


def _total(session: Session) -> str:
    return money(session.amount_total, session.currency) if session.currency else NOTHING


def _basket(session: Session) -> Table:
    return Table(
        "Basket",
        ("Item", "Quantity", "Each", "Total"),
        [
            (
                line["name"],
                str(line["quantity"]),
                money(line["unit_amount"], session.currency),
                money(line["unit_amount"] * line["quantity"], session.currency),
            )
            for line in session.line_items
        ],
        empty="Nothing is sold: the payer saves a card.",
        numbers=(1, 2, 3),
    )


def _link(session: Session) -> tuple[Facts, ...]:
    """Return what support sends to a payer who has lost it."""
    if session.status != SessionStatus.OPEN:
        return ()
    return (Facts("Link for the payer", [("Address", copyable(page_url(session.pk)))]),)


def _trial(session: Session) -> Iterator[tuple[str, Text]]:
    trial_end = trial_end_of(session, timezone.now())
    if trial_end is not None:
        yield "Trial until", moment(trial_end)


def _details(session: Session, *, may_see_people: bool) -> Facts:
    email = session.customer_email if may_see_people else masked(session.customer_email)
    return Facts(
        "Details",
        [
            ("Payment", identifier(session.payment_intent_id)),
            ("Setup", identifier(session.setup_intent_id)),
            ("Subscription", identifier(session.subscription_id)),
            *_trial(session),
            ("Customer", identifier(session.customer_id)),
            ("E-mail", email or NOTHING),
            ("Reference", session.client_reference_id or NOTHING),
            ("Created", moment(session.created_at)),
            ("Expires", moment(session.expires_at)),
            ("Completed", moment(session.completed_at)),
            *((f"Metadata: {name}", str(value)) for name, value in session.metadata.items()),
        ],
    )
