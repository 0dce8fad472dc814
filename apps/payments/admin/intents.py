"""The list of payments, and the page of one."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.columns import Column
from apps.backoffice.kit.display import (
    NOTHING,
    identifier,
    link,
    masked,
    mode_chip,
    moment,
    money,
    outside,
    stacked,
    words,
)
from apps.backoffice.kit.filters import AmountFilter, RowChoices, created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Raw, Table, Text
from apps.backoffice.kit.related import related_table
from apps.common.money import to_major
from apps.common.postal import address_in_words
from apps.customers.models import Customer
from apps.fraud.display import score_chip
from apps.fraud.selectors import risk_of_attempts
from apps.gateways.dashboards import find_payment_page
from apps.outbox.selectors import show_event
from apps.outbox.timeline import actor_in_words
from apps.payments.admin.block import BlockCustomerDialog
from apps.payments.admin.bulk import BulkRefundDialog
from apps.payments.admin.dialogs import CancelDialog, CaptureDialog, RefundDialog
from apps.payments.admin.filters import (
    DeclineFilter,
    GatewayFilter,
    OutcomeFilter,
    RefundedFilter,
    RiskFilter,
)
from apps.payments.admin.money_trace import money_trace
from apps.payments.admin.records import PaymentRecords, read_records
from apps.payments.admin.search import payments_named
from apps.payments.admin.statuses import attempt_chip, intent_chip, refund_chip, refunded_chip
from apps.payments.admin.timeline import payment_timeline
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.vault.display import funding_in_words


@admin.register(PaymentIntent)
class PaymentIntentAdmin(ObjectAdmin):
    """Payments: found by any id that belongs to them, shown with all that happened."""

    days_of = "pi"
    no_match = (
        "Nothing matches. Every payment is looked through, however old it is: none is moved to an"
        " archive. Ids, addresses and references are searched for exactly."
    )
    search_help_text = "Id, e-mail, order, gateway reference, or last four digits and amount"
    list_filter = (
        "status",
        created_filter("pi"),
        AmountFilter,
        GatewayFilter,
        DeclineFilter,
        RefundedFilter,
        OutcomeFilter,
        RiskFilter,
        ("capture_method", RowChoices),
        "livemode",
    )
    tabs = (
        ("All", ""),
        ("Succeeded", "status__exact=succeeded"),
        ("Processing", "status__exact=processing"),
        ("To capture", "status__exact=requires_capture"),
        ("Failed", "status__exact=failed"),
        ("Refunded", "status__exact=refunded"),
        ("Conflicted", "status__exact=conflicted"),
    )
    dialogs = (RefundDialog, CaptureDialog, CancelDialog, BlockCustomerDialog)
    list_dialogs = (BulkRefundDialog,)
    export_columns = (
        Column("Id", lambda row: str(row.pk)),
        Column("Status", lambda row: str(row.status)),
        Column("Amount", lambda row: to_major(row.amount, row.currency)),
        Column("Received", lambda row: to_major(row.amount_received, row.currency)),
        Column("Refunded", lambda row: to_major(row.amount_refunded, row.currency)),
        Column("Currency", lambda row: str(row.currency)),
        Column("Method", lambda row: method_in_words(row.shown_attempt)),
        Column("Gateway", lambda row: row.shown_attempt.gateway if row.shown_attempt else ""),
        Column("Customer", lambda row: row.customer_id or ""),
        Column("Description", lambda row: str(row.description)),
        Column("Mode", lambda row: "live" if row.livemode else "test"),
        Column("Created (UTC)", lambda row: row.created_at),
    )

    # --- the list -----------------------------------------------------------------------------

    def prepare(self, rows: list[Any]) -> None:
        """Load what each payment shows of its attempt, its payer, risk and other apps."""
        attempts = PaymentAttempt.objects.annotate(**risk_of_attempts()).in_bulk(
            [row.latest_attempt_id for row in rows]
        )
        payers = Customer.objects.only("email").in_bulk(
            [row.customer_id for row in rows if row.customer_id]
        )
        marks: Mapping[str, SafeString] = import_string(settings.BACKOFFICE_PAYMENT_MARKS)(
            [row.pk for row in rows]
        )
        for row in rows:
            row.shown_attempt = attempts.get(row.latest_attempt_id)
            row.shown_payer = payers.get(row.customer_id)
            row.shown_mark = marks.get(row.pk, "")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the columns for this reader."""
        may_see = request.user.has_perm("backoffice.view_pii")
        return ("who" if may_see else "who_masked", "money", "state", "method", "risk", "at")

    @admin.display(description="Payment")
    def who(self, payment: Any) -> SafeString:
        """Return the id and whose it is."""
        return stacked(format_html("<code>{}</code>", payment.id), _payer(payment, str))

    @admin.display(description="Payment")
    def who_masked(self, payment: Any) -> SafeString:
        """Return the id, and by whom it is to those who know them."""
        return stacked(format_html("<code>{}</code>", payment.id), _payer(payment, masked))

    @admin.display(description="Amount")
    def money(self, payment: PaymentIntent) -> SafeString:
        """Return what was asked for."""
        return format_html(
            '<span class="bo-amount">{}</span>', money(payment.amount, payment.currency)
        )

    @admin.display(description="Status")
    def state(self, payment: Any) -> SafeString:
        """Return the status, whether money went back, and whether it was disputed."""
        return format_html(
            "{} {} {}", intent_chip(payment.status), refunded_chip(payment), payment.shown_mark
        )

    @admin.display(description="Method")
    def method(self, payment: Any) -> SafeString:
        """Return brand, last four digits, and the gateway of the latest attempt."""
        attempt = payment.shown_attempt
        return stacked(method_in_words(attempt), attempt.gateway if attempt else "")

    @admin.display(description="Risk")
    def risk(self, payment: Any) -> Text:
        """Return the score, of which 100 is the worst."""
        attempt = payment.shown_attempt
        is_judged = attempt is not None and attempt.risk_level is not None
        return score_chip(attempt.risk_score, attempt.risk_level) if is_judged else NOTHING

    @admin.display(description="Created")
    def at(self, payment: PaymentIntent) -> SafeString:
        """Return when it was made, and whether the money is real."""
        return stacked(moment(payment.created_at), words("live" if payment.livemode else "test"))

    def look_up(self, term: str) -> Q | None:
        """Search by whatever staff are told on the phone or find on a statement."""
        return payments_named(term)

    def hit(self, _request: HttpRequest, obj: Any) -> tuple[str, str]:
        """Return how much it was, and what became of it."""
        return f"{money(obj.amount, obj.currency)} · {obj.pk}", words(obj.status)

    # --- the page -----------------------------------------------------------------------------

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return everything about one payment."""
        records = read_records(obj)
        return Page(
            heading=money(obj.amount, obj.currency),
            chips=(
                intent_chip(obj.status),
                refunded_chip(obj),
                import_string(settings.BACKOFFICE_PAYMENT_MARKS)([obj.pk]).get(obj.pk, ""),
                mode_chip(livemode=obj.livemode),
            ),
            subtitle=format_html("{} {}", identifier(obj.id), _subtitle(records)),
            main=(
                payment_timeline(obj, records.events),
                _attempts(records),
                _refunds(records),
                related_table(obj),
                _ledger(records),
                money_trace(records),
                _webhooks(records),
                Raw(
                    "Raw events",
                    [
                        (f"{event.type} #{event.sequence}", show_event(event, api_version=""))
                        for event in records.events
                    ],
                ),
            ),
            side=(
                _amounts(records),
                _method(records),
                _risk(records),
                _details(records, may_see_people=request.user.has_perm("backoffice.view_pii")),
            ),
        )


def method_in_words(attempt: PaymentAttempt | None) -> str:
    """Return e.g. `Visa •••• 4242`."""
    details = attempt.method_details if attempt else {}
    if not attempt or not details.get("last4"):
        return NOTHING
    brand = words(details.get("brand") or attempt.method_type)
    return f"{brand} •••• {details['last4']}"


def payment_link(intent_id: str) -> SafeString:
    """Return a link to a payment's page."""
    return link(reverse("admin:payments_paymentintent_change", args=[intent_id]), intent_id)


def _payer(payment: Any, shown: Callable[[str], str]) -> str:
    """Return the payer's address as `shown` shows it, else what the payment says of itself."""
    payer = payment.shown_payer
    email = (payer.email if payer else "") or payment.receipt_email
    return shown(email) or payment.customer_id or payment.description[:40] or "Guest"


def _subtitle(records: PaymentRecords) -> SafeString:
    return format_html("<span>{} {}</span>", words("created"), moment(records.intent.created_at))


def _amounts(records: PaymentRecords) -> Facts:
    payment = records.intent
    fees = [row.fee for row in records.attempts if row.kept and row.fee is not None]
    rows: list[tuple[str, Text]] = [("Asked for", money(payment.amount, payment.currency))]
    if payment.amount_capturable:
        rows.append(("Held at the gateway", money(payment.amount_capturable, payment.currency)))
    rows += [
        ("Received", money(payment.amount_received, payment.currency)),
        ("Refunded", money(payment.amount_refunded, payment.currency)),
        ("Refunds under way", money(payment.amount_refund_pending, payment.currency)),
        ("Gateway's fee", money(sum(fees), payment.currency) if fees else words("not_known_yet")),
    ]
    net = payment.amount_received - payment.amount_refunded - sum(fees)
    rows.append(("Net", money(net, payment.currency)))
    return Facts("Amounts", rows)


def _method(records: PaymentRecords) -> Facts:
    attempt = records.attempts[-1] if records.attempts else None
    details = attempt.method_details if attempt else {}
    rows: list[tuple[str, Text]] = [("Method", method_in_words(attempt))]
    if details.get("exp_year"):
        rows.append(("Expires", f"{details['exp_month']:02d}/{details['exp_year']}"))
    rows += [
        ("Funding", funding_in_words(details.get("funding") or "")),
        ("Country", details.get("country") or NOTHING),
        ("3-D Secure", words(details.get("three_d_secure") or "not used")),
        ("Security code", words(details.get("cvc_check") or "not checked")),
        ("Street", words(details.get("avs_line1_check") or "not checked")),
        ("Postal code", words(details.get("avs_postal_code_check") or "not checked")),
    ]
    if records.method is not None:
        rows.append(("Stored as", identifier(records.method.id)))
    return Facts("Payment method", rows)


def _risk(records: PaymentRecords) -> Facts:
    decision = records.decision
    if decision is None:
        return Facts("Risk", [("Score", words("not_assessed"))])
    score = NOTHING if decision.score is None else str(decision.score)
    matched = ", ".join(str(rule.get("id", rule)) for rule in decision.matched_rules)
    rows: list[tuple[str, Text]] = [
        ("Score", f"{score} · {words(decision.level)}"),
        ("Decision", words(decision.action)),
        ("Rules", matched or words("none_matched")),
    ]
    return Facts("Risk", rows)


def _details(records: PaymentRecords, *, may_see_people: bool) -> Facts:
    payment = records.intent
    rows: list[tuple[str, Text]] = [("Customer", _customer(records, may_see_people=may_see_people))]
    if payment.description:
        rows.append(("Description", payment.description))
    if payment.shipping and may_see_people:
        rows += _parcel(payment.shipping)
    rows += [
        ("Capture", words(payment.capture_method)),
        ("Created", moment(payment.created_at)),
        ("Expires", moment(payment.expires_at)),
    ]
    if payment.cancellation_reason:
        rows.append(("Canceled because", words(payment.cancellation_reason)))
    rows += [(f"Metadata: {name}", str(value)) for name, value in payment.metadata.items()]
    return Facts("Details", rows)


def _parcel(shipping: Mapping[str, Any]) -> list[tuple[str, Text]]:
    """Return where the goods go, and with whom they travel if that is known."""
    where = address_in_words(shipping["address"])
    travels = " · ".join(filter(None, (shipping["carrier"], shipping["tracking_number"])))
    rows: list[tuple[str, Text]] = [("Goes to", stacked(shipping["name"], where))]
    return [*rows, ("Parcel", travels)] if travels else rows


def _customer(records: PaymentRecords, *, may_see_people: bool) -> Text:
    customer = records.customer
    if customer is None:
        return "Guest"
    page = link(reverse("admin:customers_customer_change", args=[customer.id]), customer.id)
    if not may_see_people:
        return page
    return stacked(page, " · ".join(filter(None, [customer.name, customer.email])))


def _attempts(records: PaymentRecords) -> Table:
    rows = [
        (
            str(attempt.number),
            stacked(attempt.gateway, _reference(attempt)),
            attempt_chip(attempt.status),
            _why(attempt),
            _took(attempt),
            moment(attempt.created_at),
        )
        for attempt in records.attempts
    ]
    return Table(
        "Attempts",
        ("#", "Gateway", "Status", "Result", "Took", "Started"),
        rows,
        empty="Nobody has tried to charge this payment.",
    )


def _reference(attempt: PaymentAttempt) -> Text:
    """Return the gateway's name of the attempt, with the way to its page over there."""
    name = attempt.gateway_reference
    if not name:
        return words("no_reference_yet")
    page = find_payment_page(attempt.gateway, reference=name)
    if not page:
        return name
    there = gettext("Open at %(gateway)s") % {"gateway": attempt.gateway}
    return format_html("{}<br>{}", name, outside(page, there))


def _why(attempt: PaymentAttempt) -> Text:
    if not attempt.error_class:
        return words("kept") if attempt.kept else NOTHING
    code = attempt.decline_code or attempt.network_decline_code or attempt.error_class
    return stacked(words(code), words(attempt.error_class))


def _took(attempt: PaymentAttempt) -> str:
    if attempt.finished_at is None:
        return NOTHING
    seconds = (attempt.finished_at - attempt.created_at).total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _refunds(records: PaymentRecords) -> Table:
    rows = [
        (
            stacked(
                link(reverse("admin:payments_refund_change", args=[refund.id]), refund.id),
                words(refund.failure_reason or refund.reason),
            ),
            refund_chip(refund.status),
            stacked(actor_in_words(refund.actor), moment(refund.created_at)),
            money(refund.amount, refund.currency),
        )
        for refund in records.refunds
    ]
    return Table(
        "Refunds",
        ("Refund", "Status", "Asked by", "Amount"),
        rows,
        empty="Nothing went back.",
        numbers=(3,),
    )


def _ledger(records: PaymentRecords) -> Table:
    rows = [
        (
            link(
                reverse("admin:ledger_journalentry_change", args=[leg.entry_id]),
                words(leg.entry.kind),
            ),
            stacked(words(leg.account.code), leg.account.owner),
            words(leg.layer),
            money(leg.amount, leg.currency) if leg.amount > 0 else "",
            money(-leg.amount, leg.currency) if leg.amount < 0 else "",
        )
        for leg in records.postings
    ]
    return Table(
        "Ledger",
        ("Entry", "Account", "Layer", "Debit", "Credit"),
        rows,
        empty="Nothing is booked: no money has moved.",
        numbers=(3, 4),
    )


def _webhooks(records: PaymentRecords) -> Table:
    rows = [
        (
            link(reverse("admin:webhooks_inboundevent_change", args=[event.id]), event.type),
            words(event.status),
            moment(event.received_at),
            moment(event.processed_at),
        )
        for event in records.webhooks
    ]
    return Table(
        "Webhooks of the gateway",
        ("Type", "Status", "Received", "Processed"),
        rows,
        empty="The gateway has sent none.",
    )
