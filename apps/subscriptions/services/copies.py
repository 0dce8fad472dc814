"""
Renewals that are alike: one is decided and written in full, PostgreSQL copies it for the others.

Most of what falls due together differs in nothing but names and dates: same items, same status,
nothing that waits, no credit. The billing run renews the first of such subscriptions like any
other; the rest take its invoice, lines and events with their own ids and dates put in, by one
statement per table for the whole batch. No rule of billing is repeated here: amounts, texts and
the shape of the events are the first one's, and the periods come from the same policy.

What makes subscriptions alike is every column that is not listed as their own. A column that
comes later keeps them apart until somebody teaches the statements below to put it in.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, models

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.services import EventDraft, publish_selected
from apps.subscriptions.models import Invoice, InvoiceLine, Subscription
from apps.subscriptions.policies.time import Cycle, Interval
from apps.subscriptions.selectors import Times
from apps.subscriptions.services.bills import Bill, take_numbers
from apps.subscriptions.states import BillingReason

# What subscriptions that are alike may differ in.
_OWN_COLUMNS = {
    "id", "customer_id", "version", "created_at", "time_zone", "anchor", "current_period_start",
    "current_period_end", "started_at", "trial_start", "trial_end", "default_payment_method_id",
    "past_due_since", "latest_invoice_id", "due_at", "runs_on", "description", "metadata",
}  # fmt: skip


def _columns(model: type[models.Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


_TERMS = ", ".join(f"due.{name}" for name in _columns(Subscription) if name not in _OWN_COLUMNS)

# Whatever is more than a new period of the same is alike to nothing: a date of its own to watch
# for, a balance, usage, discounts, items that wait for the next invoice.
_LOCK = f"""
WITH due AS MATERIALIZED (
    SELECT * FROM subscriptions_subscription
     WHERE test_clock_id = %s AND due_at <= %s
     ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
)
SELECT due.id, due.anchor, due.time_zone, due.current_period_end, items.ids,
       CASE WHEN due.status IN ('active', 'past_due') AND due.current_period_end <= %s
             AND due.cancel_at IS NULL AND due.pause_resumes_at IS NULL
             AND customer.balance = 0 AND items.are_licensed
             AND NOT EXISTS (SELECT FROM subscriptions_discount discount
                              WHERE discount.subscription_id = due.id)
             AND NOT EXISTS (SELECT FROM subscriptions_invoiceitem pending
                              WHERE pending.customer_id = due.customer_id
                                AND pending.invoice_id IS NULL AND pending.deleted_at IS NULL)
            THEN ROW({_TERMS}, customer.tax_exempt, due.runs_on = %s, items.terms)::text
            ELSE due.id END
  FROM due
  JOIN customers_customer customer ON customer.id = due.customer_id
 CROSS JOIN LATERAL (
    SELECT array_agg(item.id ORDER BY item.id) AS ids,
           array_agg(ROW(item.price_id, item.quantity)::text ORDER BY item.id) AS terms,
           bool_and(price.usage_type = 'licensed') AS are_licensed
      FROM subscriptions_subscriptionitem item
      JOIN subscriptions_price price ON price.id = item.price_id
     WHERE item.subscription_id = due.id) items
 ORDER BY due.due_at
"""  # noqa: S608 - the names of our own columns


class Due(NamedTuple):
    """A subscription that is due and locked; those with equal `terms` are alike."""

    id: str
    anchor: datetime
    time_zone: str
    period_end: datetime
    item_ids: list[str]
    terms: str


def lock_due(times: Times, *, test_clock_id: str, limit: int) -> list[Due]:
    """Lock up to `limit` subscriptions that are due on this clock and that nobody else holds."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [test_clock_id, times.now, limit, times.now, times.wall.date()])
        return [Due(*row) for row in cursor.fetchall()]


def group_alike(due: Sequence[Due]) -> list[list[Due]]:
    """Return the subscriptions in groups of those that are alike, in the order of their firsts."""
    groups: dict[str, list[Due]] = {}
    for row in due:
        groups.setdefault(row.terms, []).append(row)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class Pattern:
    """A bill that was written in full, with its events, and who is to be billed like it."""

    bill: Bill
    drafts: Sequence[EventDraft]
    interval: Interval
    first: Due
    rest: Sequence[Due]


def can_be_copied(bill: Bill) -> bool:
    """Return whether it is the final invoice of a new period, which touched no balance."""
    invoice = bill.invoice
    return (
        invoice.billing_reason == BillingReason.SUBSCRIPTION_CYCLE
        and invoice.number is not None
        and invoice.balance_applied == 0
    )


def copy_renewals(patterns: Sequence[Pattern]) -> None:
    """
    Renew everybody like their pattern, in the transaction that locked them and wrote the patterns.

    :raises IntegrityError: a law of the database forbids it
    """
    copies: list[dict[str, Any]] = []
    templates: list[dict[str, Any]] = []
    for pattern in patterns:
        copies += _copies(pattern)
        templates += _templates(pattern)
    if not copies:
        return
    document = json.dumps(copies)
    publish_selected(_EVENTS, [document, json.dumps(templates)])
    with connection.cursor() as cursor:
        for statement in (_LINES, _INVOICES, _SUBSCRIPTIONS):
            cursor.execute(statement, [document])


def _copies(pattern: Pattern) -> list[dict[str, Any]]:
    invoice = pattern.bill.invoice
    scope = Scope(invoice.merchant_id, invoice.livemode)
    numbers = take_numbers(scope, kind="invoice", count=len(pattern.rest))
    return [_copy(pattern, row, number) for row, number in zip(pattern.rest, numbers, strict=True)]


def _copy(pattern: Pattern, row: Due, number: str) -> dict[str, Any]:
    """Return what a copy has of its own and PostgreSQL does not know yet."""
    start = row.period_end
    end = Cycle(row.anchor, pattern.interval, row.time_zone).boundary_after(start)
    return {
        "pattern": pattern.bill.invoice.id,
        "like": pattern.first.id,
        "subscription": row.id,
        "invoice": new_id("in"),
        "number": number,
        "token": secrets.token_urlsafe(24),
        "period_start": start.isoformat(),
        "period_end": end.isoformat(),
        "starts": int(start.timestamp()),
        "ends": int(end.timestamp()),
        "items": row.item_ids,
        "lines": [new_id("il") for _ in pattern.bill.lines],
        "events": [new_id("evt") for _ in pattern.drafts],
    }


# --- Events: the pattern's own, with slots where copies differ ----------------------------------

# The slots in the order in which `_EVENTS` fills them; those of each line and item come after.
_SLOTS = (
    "invoice", "subscription", "customer", "token", "number", "starts", "ends", "period_start",
    "period_end", "method", "method_or_null", "email", "email_or_null", "name", "name_or_null",
    "description", "metadata", "time_zone", "anchor", "created", "started", "trial_start",
    "trial_end",
)  # fmt: skip
# Which slot stands at which place of a document; `*` is any place in a list. Ids need no place:
# they are replaced wherever they stand. A test renders every copy anew from its rows and compares.
Places = dict[tuple[str, ...], str]
_INVOICE: Places = {
    ("number",): "number",
    ("customer_email",): "email_or_null",
    ("customer_name",): "name_or_null",
    ("default_payment_method",): "method_or_null",
    ("period_start",): "starts",
    ("period_end",): "ends",
    ("lines", "data", "*", "period", "start"): "starts",
    ("lines", "data", "*", "period", "end"): "ends",
}
_SUBSCRIPTION: Places = {
    ("billing_cycle_anchor",): "anchor",
    ("created",): "created",
    ("default_payment_method",): "method_or_null",
    ("description",): "description",
    ("metadata",): "metadata",
    ("start_date",): "started",
    ("time_zone",): "time_zone",
    ("trial_start",): "trial_start",
    ("trial_end",): "trial_end",
    ("items", "data", "*", "current_period_start"): "starts",
    ("items", "data", "*", "current_period_end"): "ends",
    ("items", "data", "*", "created"): "item_created",
    ("items", "data", "*", "metadata"): "item_metadata",
}
_CHANGES: Places = {
    ("changes", "number"): "number",
    ("changes", "customer_email"): "email",
    ("changes", "customer_name"): "name",
    ("changes", "period_start"): "period_start",
    ("changes", "period_end"): "period_end",
    ("changes", "current_period_start"): "period_start",
    ("changes", "current_period_end"): "period_end",
    ("changes", "due_at"): "period_end",
    ("changes", "default_payment_method_id"): "method",
}

_MARK = re.compile(r'"\\u0000([0-9]+)\\u0000"')


class _Slots:
    """Numbers the slots of one pattern, and puts them into its documents."""

    def __init__(self, pattern: Pattern) -> None:
        invoice, items = pattern.bill.invoice, pattern.first.item_ids
        ids = [*(line.id for line in pattern.bill.lines), *items]
        names = [*_SLOTS, *ids]
        names += [f"item_created {place}" for place in range(len(items))]
        names += [f"item_metadata {place}" for place in range(len(items))]
        self._numbers = {name: number for number, name in enumerate(names, 1)}
        self._ids = {own: own for own in ids} | {
            invoice.id: "invoice",
            pattern.first.id: "subscription",
            invoice.customer_id: "customer",
            invoice.access_token: "token",
        }

    def template(self, document: dict[str, Any], places: Places) -> str:
        """Return the document as a text for PostgreSQL's `format`."""
        text = json.dumps(self._marked(document, places, (), "")).replace("%", "%%")
        text = _MARK.sub(r"%\1$s", text)
        for own, name in self._ids.items():
            text = text.replace(own, f"%{self._numbers[name]}$s")
        return text

    def _marked(self, value: Any, places: Places, path: tuple[str, ...], place: str) -> Any:
        slot = places.get(path)
        # A draft has no number yet, and neither have its copies.
        if slot is not None and (slot, value) != ("number", None):
            number = self._numbers.get(slot) or self._numbers[f"{slot} {place}"]
            return f"\0{number}\0"
        if isinstance(value, dict):
            return {
                key: self._marked(inner, places, (*path, key), place)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [
                self._marked(inner, places, (*path, "*"), str(position))
                for position, inner in enumerate(value)
            ]
        return value


def _templates(pattern: Pattern) -> list[dict[str, Any]]:
    """Return the events of the pattern in their order, the subscription's last."""
    slots = _Slots(pattern)
    templates = []
    for place, draft in enumerate(pattern.drafts, 1):
        is_invoice = draft.object_id == pattern.bill.invoice.id
        templates.append(
            draft.row()
            | {
                "pattern": pattern.bill.invoice.id,
                "place": place,
                "is_invoice": is_invoice,
                "object": slots.template(draft.object, _INVOICE if is_invoice else _SUBSCRIPTION),
                "data": slots.template(draft.data, _CHANGES),
            }
        )
    return templates


# --- The statements ---------------------------------------------------------------------------

_OWN = """jsonb_to_recordset(%s::jsonb) AS own (
    pattern text, "like" text, subscription text, invoice text, number text, token text,
    period_start text, period_end text, starts bigint, ends bigint,
    items text[], lines text[], events text[])
"""


def _unix(column: str) -> str:
    return f"coalesce(floor(extract(epoch FROM {column}))::bigint::text, 'null')"


def _json(column: str) -> str:
    return f"coalesce(to_json(nullif({column}, ''))::text, 'null')"


_EVENTS = f"""
WITH own AS MATERIALIZED (
    SELECT own.pattern, own.invoice, own.subscription, own.events, subscription.version,
           ARRAY[
             own.invoice, own.subscription, subscription.customer_id, own.token,
             to_json(own.number)::text, own.starts::text, own.ends::text,
             to_json(own.period_start)::text, to_json(own.period_end)::text,
             to_json(subscription.default_payment_method_id)::text,
             {_json("subscription.default_payment_method_id")},
             to_json(customer.email)::text, {_json("customer.email")},
             to_json(customer.name)::text, {_json("customer.name")},
             {_json("subscription.description")}, subscription.metadata::text,
             to_json(subscription.time_zone)::text, {_unix("subscription.anchor")},
             {_unix("subscription.created_at")}, {_unix("subscription.started_at")},
             {_unix("subscription.trial_start")}, {_unix("subscription.trial_end")}
           ] || own.lines || own.items
           || ARRAY(SELECT {_unix("item.created_at")} FROM subscriptions_subscriptionitem item
                     WHERE item.subscription_id = own.subscription ORDER BY item.id)
           || ARRAY(SELECT item.metadata::text FROM subscriptions_subscriptionitem item
                     WHERE item.subscription_id = own.subscription ORDER BY item.id) AS slots
      FROM {_OWN}
      JOIN subscriptions_subscription subscription ON subscription.id = own.subscription
      JOIN customers_customer customer ON customer.id = subscription.customer_id
)
SELECT own.events[draft.place], draft.merchant_id, draft.livemode, draft.type,
       CASE WHEN draft.is_invoice THEN own.invoice ELSE own.subscription END,
       CASE WHEN draft.is_invoice THEN draft.sequence ELSE own.version + 1 END,
       format(draft.data, VARIADIC own.slots)::jsonb,
       format(draft.object, VARIADIC own.slots)::jsonb,
       NULL::jsonb, draft.actor, draft.request_id, draft.idempotency_key, draft.created_at
  FROM own
  JOIN jsonb_to_recordset(%s::jsonb) AS draft (
         pattern text, place integer, is_invoice boolean, merchant_id text, livemode boolean,
         type text, sequence integer, data text, object text, actor text, request_id text,
         idempotency_key text, created_at timestamptz)
    ON draft.pattern = own.pattern
"""  # noqa: S608 - the names of our own columns


def _insert_like(model: type[models.Model], own: dict[str, str], source: str) -> str:
    values = ", ".join(own.get(name, f"pattern.{name}") for name in _columns(model))
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(_columns(model))})"  # noqa: S608
        f" SELECT {values} FROM {_OWN} {source}"
    )


_PERIOD = {
    "period_start": "own.period_start::timestamptz",
    "period_end": "own.period_end::timestamptz",
}
_LINES = _insert_like(
    InvoiceLine,
    _PERIOD
    | {
        "id": "own.lines[pattern.position + 1]",
        "invoice_id": "own.invoice",
        # The line that rounds an invoice stands behind those of the items, and has none.
        "item_id": "coalesce(own.items[pattern.position + 1], '')",
    },
    "JOIN subscriptions_invoiceline pattern ON pattern.invoice_id = own.pattern",
)
_INVOICES = _insert_like(
    Invoice,
    _PERIOD
    | {
        "id": "own.invoice",
        "customer_id": "subscription.customer_id",
        "customer_name": "customer.name",
        "customer_email": "customer.email",
        "subscription_id": "own.subscription",
        "number": "own.number",
        "access_token": "own.token",
        "default_payment_method_id": "subscription.default_payment_method_id",
    },
    "JOIN subscriptions_invoice pattern ON pattern.id = own.pattern"
    " JOIN subscriptions_subscription subscription ON subscription.id = own.subscription"
    " JOIN customers_customer customer ON customer.id = subscription.customer_id",
)
_SUBSCRIPTIONS = f"""
UPDATE subscriptions_subscription subscription
   SET version = subscription.version + 1, latest_invoice_id = own.invoice,
       current_period_start = own.period_start::timestamptz,
       current_period_end = own.period_end::timestamptz,
       due_at = own.period_end::timestamptz, runs_on = pattern.runs_on, runs = pattern.runs
  FROM {_OWN}
  JOIN subscriptions_subscription pattern ON pattern.id = own."like"
 WHERE subscription.id = own.subscription
"""  # noqa: S608
