"""Take a person out of everything that is stored about them; money, ids and times stay."""
# ruff: noqa: S608 - the SQL is made of constants, of this module and of personal_data

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db import connection, models, transaction

from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.compliance.errors import CustomerStillNeeded
from apps.compliance.models import DataRequest, RequestKind
from apps.compliance.personal_data import (
    EVENT_COLUMNS,
    HINDRANCES,
    OBJECT_IDS,
    SECTIONS,
    Section,
)
from apps.customers.models import Customer
from apps.customers.services import forget_person
from apps.vault.models import PaymentMethod
from apps.vault.services import detach_method

logger = logging.getLogger(__name__)

# What was under way while the first pass ran has long ended by then.
SECOND_PASS_AFTER: Final = timedelta(minutes=1)
# A pass that died is taken up again by the next sweep after this long.
LEASE: Final = timedelta(minutes=10)

_REQUESTS = f"""
SELECT merchant_id, livemode, request_id, idempotency_key FROM outbox_event
 WHERE request_id <> '' AND object_id IN ({OBJECT_IDS})
UNION SELECT merchant_id, livemode, request_id, idempotency_key FROM compliance_datarequest
 WHERE request_id <> '' AND customer_id = {{customer}}
"""
# All that a repetition of an old request is told. An erasure's own answer names nobody and stays.
_LEFT_OF_ANSWER = """
jsonb_strip_nulls(jsonb_build_object(
    'id', response_body::jsonb->'id', 'object', response_body::jsonb->'object',
    'status', response_body::jsonb->'status'))::text
"""
_METHOD_IDS = """
SELECT id FROM vault_paymentmethod WHERE customer_id = {customer} OR owner_id = {customer}
"""
_NAMES_THEM = f"""
LIKE ANY (SELECT '%%' || id || '%%' FROM (SELECT {{customer}}::text AS id UNION {_METHOD_IDS}) own)
"""

# Copies in the words of the moment, found by indexes.
_COPIES: Final[Mapping[str, str]] = {
    "events": f"""
        UPDATE outbox_event SET
               {", ".join(f"{name} = common_without_person({name})" for name in EVENT_COLUMNS)}
         WHERE object_id IN ({OBJECT_IDS})
           AND ({", ".join(EVENT_COLUMNS)}) IS DISTINCT FROM
               ({", ".join(f"common_without_person({name})" for name in EVENT_COLUMNS)})""",
    "answers": f"""
        UPDATE api_idempotencykey stored SET response_body = {_LEFT_OF_ANSWER}
          FROM ({_REQUESTS}) asked
         WHERE stored.merchant_id = asked.merchant_id AND stored.livemode = asked.livemode
           AND stored.key = asked.idempotency_key AND stored.path NOT LIKE '%%/erase'
           AND response_body <> {_LEFT_OF_ANSWER}""",
    "requests": f"""
        UPDATE api_loggedrequest SET request = '', response = ''
         WHERE id IN (SELECT request_id FROM ({_REQUESTS}) asked) AND request || response <> ''""",
    "delivery_answers": f"""
        UPDATE webhooks_deliveryattempt SET answer = ''
         WHERE answer <> '' AND delivery_id IN (
               SELECT delivery.id FROM webhooks_delivery delivery
                 JOIN outbox_event event ON event.id = delivery.event_id
                WHERE event.object_id IN ({OBJECT_IDS}))""",
    "gateway_webhooks": """
        UPDATE webhooks_inboundevent SET body = ''
         WHERE body <> '' AND payment_reference <> '' AND payment_reference IN (
               SELECT gateway_reference FROM payments_paymentattempt WHERE intent_id IN (
                      SELECT id FROM payments_paymentintent WHERE customer_id = {customer}))""",
}

# The same where no index leads to them: these read whole tables of some weeks, so they run later.
_FAR_COPIES: Final[Mapping[str, str]] = {
    "far_answers": f"""
        UPDATE api_idempotencykey SET response_body = {_LEFT_OF_ANSWER}
         WHERE response_body {_NAMES_THEM} AND path NOT LIKE '%%/erase'
           AND response_body <> {_LEFT_OF_ANSWER}""",
    "far_requests": f"""
        UPDATE api_loggedrequest SET request = '', response = ''
         WHERE request || response <> ''
           AND (path {_NAMES_THEM} OR request {_NAMES_THEM} OR response {_NAMES_THEM})""",
    "far_gateway_webhooks": """
        UPDATE webhooks_inboundevent SET body = ''
         WHERE body <> ''
           AND (reference IN (SELECT reference FROM vault_gatewaycustomer
                               WHERE customer_id = {customer})
                OR attempt_id IN (SELECT id FROM payments_paymentattempt WHERE intent_id IN (
                      SELECT id FROM payments_paymentintent WHERE customer_id = {customer})))""",
}


def erase_customer(*, scope: Scope, customer_id: str, origin: Origin, now: datetime) -> DataRequest:
    """
    Take the person out of all that is stored about a customer, and close the customer.

    Payment methods are detached first, also at the gateways. Then every section of
    `personal_data` is emptied, and the copies in events, stored answers, logs and webhooks. It is
    done once more a minute later. Erasing again changes nothing and returns the same request.

    :raises ResourceMissing: no such customer in this account and mode
    :raises CustomerStillNeeded: subscriptions, payments, refunds, set-ups, invoices or disputes of
        the customer are not over; the numbers are in the context
    Source: docs/adr/0036-an-erased-person-is-emptied-out-of-the-history.md
    """
    customer = get_row(Customer.objects, scope, customer_id, resource="customer", param="customer")
    if customer.erased_at is not None:
        return _erasure_of(customer_id)
    _refuse_while_needed(customer_id)
    for method in PaymentMethod.objects.filter(customer_id=customer_id):
        detach_method(scope=scope, method_id=method.id, origin=origin, now=now)
    with transaction.atomic():
        customer = Customer.objects.lock(customer_id)
        if customer.erased_at is not None:
            return _erasure_of(customer_id)
        _refuse_while_needed(customer_id)
        forget_person(customer=customer, origin=origin, now=now)
        request = DataRequest.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            customer_id=customer_id,
            kind=RequestKind.ERASURE,
            actor=origin.actor,
            request_id=origin.request_id,
            idempotency_key=origin.idempotency_key,
            created_at=now,
            due_at=now + SECOND_PASS_AFTER,
        )
    _empty(request, copies=_COPIES)
    return request


def finish_erasures(*, now: datetime) -> int:
    """Do the second pass of the next erasure that is due; return how many there were, 0 or 1."""
    with transaction.atomic():
        request = (
            DataRequest.objects.select_for_update(skip_locked=True)
            .filter(kind=RequestKind.ERASURE, finished_at__isnull=True, due_at__lte=now)
            .order_by("due_at")
            .first()
        )
        if request is None:
            return 0
        request.due_at = now + LEASE
        request.save(update_fields=["due_at"])
    _empty(request, copies={**_COPIES, **_FAR_COPIES})
    request.finished_at = now
    request.save(update_fields=["finished_at"])
    return 1


def find_hindrances(customer_id: str) -> dict[str, int]:
    """Return how many subscriptions, payments and others are not over, by what they are."""
    counts = {}
    with connection.cursor() as cursor:
        for hindrance in HINDRANCES:
            where = hindrance.where.format(customer="%(customer)s")
            cursor.execute(
                f"SELECT count(*) FROM {hindrance.table} WHERE {where}", {"customer": customer_id}
            )
            if count := int(cursor.fetchone()[0]):
                counts[hindrance.name] = count
    return counts


def _erasure_of(customer_id: str) -> DataRequest:
    return DataRequest.objects.get(customer_id=customer_id, kind=RequestKind.ERASURE)


def _refuse_while_needed(customer_id: str) -> None:
    counts: dict[str, Any] = {**find_hindrances(customer_id)}
    if counts:
        what = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        raise CustomerStillNeeded(customer=customer_id, what=what, **counts)


def _empty(request: DataRequest, *, copies: Mapping[str, str]) -> None:
    """Empty section by section, each in a transaction of its own, and count the rows."""
    statements = {
        **{section.name: _emptying(section) for section in SECTIONS if section.personal},
        **copies,
    }
    for name, statement in statements.items():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                statement.format(customer="%(customer)s"), {"customer": request.customer_id}
            )
            if cursor.rowcount:
                request.counts[name] = request.counts.get(name, 0) + cursor.rowcount
            request.save(update_fields=["counts"])
    logger.info("%s: the person behind %s is erased", request.id, request.customer_id)


def _emptying(section: Section) -> str:
    fields = {field.column: field for field in _model_of(section.table)._meta.concrete_fields}
    values = {name: _emptied(fields[name]) for name in section.personal}
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    return (
        f"UPDATE {section.table} SET {assignments} WHERE ({section.where})"
        f" AND ({', '.join(values)}) IS DISTINCT FROM ({', '.join(values.values())})"
    )


def _emptied(field: "models.Field[Any, Any]") -> str:
    """Return the SQL of the column's value without the person; NULL stays NULL."""
    name = field.column
    if isinstance(field, models.JSONField):
        whole = f"jsonb_build_object('{name}', {name})"
        return f"nullif(common_without_person({whole})->'{name}', 'null')"
    if isinstance(field, models.GenericIPAddressField):
        # A mandate given online keeps that it had an address.
        return f"CASE WHEN {name} IS NOT NULL THEN inet '0.0.0.0' END"
    return "''"


def _model_of(table: str) -> type[models.Model]:
    return next(model for model in apps.get_models() if model._meta.db_table == table)
