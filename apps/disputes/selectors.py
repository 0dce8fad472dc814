"""Reads of disputes, and what they hold of a payment."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.module_loading import import_string

from apps.common.errors import ResourceMissing
from apps.common.ids import first_id
from apps.common.origin import Scope
from apps.common.postal import address_in_words
from apps.common.rows import get_row, get_rows
from apps.customers.models import Customer
from apps.disputes.compelling import (
    OLDEST,
    YOUNGEST,
    CompellingEvidence,
    PastPayment,
    begin_draft,
    find_compelling,
    is_eligible,
)
from apps.disputes.models import (
    Dispute,
    DisputeCase,
    DisputePolicy,
    FraudReport,
    StoredFile,
    Submission,
    UsageEvidence,
)
from apps.disputes.states import (
    ANSWERABLE,
    GIVEN_UP,
    OPEN,
    OPEN_CHARGEBACKS,
    DisputeStage,
    DisputeStatus,
)
from apps.disputes.usage_log import use_at, write_log
from apps.payments.holds import Held
from apps.payments.models import PaymentAttempt
from apps.payments.selectors import as_attempt_id
from apps.payments.states import AttemptStatus

# Two charges of the same amount by the same card this close together look like one charged twice.
DUPLICATE_WINDOW = timedelta(hours=48)

# Older decisions say little about banks' habits now.
SIMILAR_WITHIN = timedelta(days=365)
SIMILAR_MAX = 5

# Banks read no longer lists of what a customer did, and so many of the longest lines fit in one
# field of the evidence.
USAGE_MAX = 40
# A service may have told a million things of a customer: older ones are counted no further.
OLDER_COUNTED_MAX = 1000

# So many earlier payments of a card are looked at.
PAST_PAYMENTS_MAX = 200
_TOLD_IN_METADATA = ("ip_address", "device", "shipping_address")

# What gateways say of a check, as a bank reads it.
_COMPARED = {
    "pass": "Matched what the bank has",
    "fail": "Did not match what the bank has",
    "unavailable": "The bank does not check it",
    "unchecked": "Not checked",
}
_AUTHENTICATED = {
    "authenticated": "The bank authenticated the cardholder",
    "attempt_acknowledged": "Tried; the bank acknowledged that and took the liability",
    "exempted": "Exempted from authentication",
    "failed": "The cardholder did not pass",
    "not_supported": "The bank does not take part",
}
_BANK_CHECKS = (
    ("3D Secure", "three_d_secure", _AUTHENTICATED),
    ("Security code", "cvc_check", _COMPARED),
    ("Street and house number", "avs_line1_check", _COMPARED),
    ("Postal code", "avs_postal_code_check", _COMPARED),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """How disputes ended that a bank decided, or that were left to it."""

    won: int
    lost: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenCounts:
    """How many open disputes wait for what."""

    waiting: int
    reviewed: int
    inquiries: int
    second_round: int


class OpenDispute(NamedTuple):
    """Where an open dispute stands."""

    status: str
    stage: str
    submitted_at: datetime | None
    due_at: datetime | None

    @property
    def is_waiting(self) -> bool:
        """Return whether it waits for our answer."""
        return self.status in ANSWERABLE and self.submitted_at is None


def get_dispute(scope: Scope, dispute_id: str) -> Dispute:
    """
    Return the dispute.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Dispute.objects, scope, dispute_id, resource="dispute", param="dispute")


def find_case(dispute: Dispute) -> DisputeCase | None:
    """Return what people do about the dispute, None when nobody has begun."""
    return DisputeCase.objects.filter(dispute=dispute).select_related("assignee").first()


def find_policy(scope: Scope) -> DisputePolicy | None:
    """Return the merchant's standing orders, None without any."""
    return DisputePolicy.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode
    ).first()


def buffer_of(scope: Scope) -> timedelta:
    """Return how long before the gateway's deadline the merchant's people answer."""
    return (find_policy(scope) or DisputePolicy()).buffer


def read_buffers(scopes: Collection[Scope]) -> dict[Scope, timedelta]:
    """Return the same for several accounts at once."""
    owners = {scope.merchant_id for scope in scopes}
    policies = DisputePolicy.objects.filter(merchant_id__in=owners)
    usual = dict.fromkeys(scopes, DisputePolicy().buffer)
    return usual | {policy.scope: policy.buffer for policy in policies}


def now_for(dispute: Dispute, wall: datetime) -> datetime:
    """
    Return what time it is for the dispute's deadlines.

    A gateway knows nothing of test clocks: its deadline is in real time. For a customer on one, as
    much time has passed since the round began as has on the clock.
    """
    if not dispute.test_clock_id:
        return wall
    return time_on(dispute.test_clock_id, wall) - dispute.clock_lead


def time_on(test_clock_id: str, wall: datetime) -> datetime:
    """Return what time it is on a test clock: billing, which keeps them, lies beside disputes."""
    return cast("datetime", _clocks()(test_clock_id, wall).now)


def find_charges(scope: Scope, charge_ids: Collection[str]) -> dict[str, PaymentAttempt]:
    """Return the charges with these ids, by id; those that are not of this account are missing."""
    ids = [as_attempt_id(charge_id.strip()) for charge_id in charge_ids]
    rows = get_rows(PaymentAttempt.objects, scope, ids).select_related("intent")
    return {each.charge_id: each for each in rows}


def find_submission(dispute: Dispute) -> Submission | None:
    """Return what was sent in this round and not refused, None when nothing was."""
    sent = dispute.sent.filter(round=dispute.round, refused_at__isnull=True)
    return sent.select_related("packet").first()


def get_file(scope: Scope, file_id: str) -> StoredFile:
    """
    Return the file without its bytes, which are read when asked for.

    :raises ResourceMissing: not of this account and mode
    """
    (file,) = list_files(scope, {file_id})
    return file


def list_files(scope: Scope, ids: Collection[str]) -> list[StoredFile]:
    """
    Return the files with these ids, without their bytes.

    :raises ResourceMissing: one is not of this account and mode
    """
    if not ids:
        return []
    rows = get_rows(StoredFile.objects, scope, ids)
    found = {file.id: file for file in rows.defer("content")}
    absent = sorted(set(ids) - found.keys())
    if absent:
        raise ResourceMissing(resource="file", id=absent[0][:64], param="file")
    return list(found.values())


def find_held(attempt_id: str) -> Held:
    """
    Return what disputes hold, or took, of a charge: the answer of PAYMENT_HOLDS in settings.

    What a refund of ours settled (`refund_id`) counts there already, not here.
    """
    disputes = Dispute.objects.filter(
        attempt_id=attempt_id, status__in=[*OPEN_CHARGEBACKS, *GIVEN_UP]
    )
    held = [each for each in disputes if not each.refund_id]
    return Held(
        amount=sum(each.amount for each in held),
        blocks_refunds=any(
            each.status in OPEN_CHARGEBACKS and not each.is_charge_refundable for each in held
        ),
    )


def is_disputed() -> Exists:
    """Return the condition on a charge: the answer of CHARGE_IS_DISPUTED in settings."""
    return Exists(Dispute.objects.filter(attempt_id=OuterRef("pk")))


def list_open() -> list[OpenDispute]:
    """Return where all open disputes stand; the index holds only those."""
    rows = Dispute.objects.filter(status__in=sorted(OPEN))
    found = rows.values_list("status", "stage", "submitted_at", "due_at")
    return [OpenDispute(*row) for row in found]


def count_open(rows: Collection[OpenDispute]) -> OpenCounts:
    """Return how many of the open disputes wait for what."""
    second = {DisputeStage.PRE_ARBITRATION, DisputeStage.ARBITRATION}
    return OpenCounts(
        waiting=sum(row.is_waiting for row in rows),
        reviewed=sum(row.status not in ANSWERABLE for row in rows),
        inquiries=sum(row.stage == DisputeStage.INQUIRY for row in rows),
        second_round=sum(row.stage in second for row in rows),
    )


def count_outcomes(scope: Scope, *, reason: str = "") -> Outcomes:
    """
    Return how many disputes were won and lost, of all reasons or of one.

    What was given up or not answered is lost, too; closed inquiries and prevented disputes were
    never decided (AC-91).
    """
    rows = Dispute.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    if reason:
        rows = rows.filter(reason=reason)
    ended = [DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.ACCEPTED, DisputeStatus.EXPIRED]
    counted = rows.filter(status__in=ended).values_list("status").annotate(Count("pk"))
    counts = dict(counted)
    won = counts.pop(DisputeStatus.WON, 0)
    return Outcomes(won=won, lost=sum(counts.values()))


def list_similar(dispute: Dispute) -> QuerySet[Dispute]:
    """Return the newest disputes for the same reason that ended before, of the last year."""
    return (
        Dispute.objects.filter(
            merchant_id=dispute.merchant_id,
            livemode=dispute.livemode,
            reason=dispute.reason,
            closed_at__isnull=False,
            pk__range=(first_id("dp", dispute.created_at - SIMILAR_WITHIN), dispute.pk),
        )
        .exclude(pk=dispute.pk)
        .order_by("-pk")[:SIMILAR_MAX]
    )


def suggest_evidence(dispute: Dispute) -> dict[str, str]:
    """Return what our own data can say for us, by the names of the evidence's fields."""
    attempt = PaymentAttempt.objects.select_related("intent").get(pk=dispute.attempt_id)
    intent = attempt.intent
    customer = Customer.objects.filter(pk=dispute.customer_id).first()
    other = _find_twin(attempt)
    texts = {
        "product_description": intent.description,
        "customer_email_address": intent.receipt_email or (customer.email if customer else ""),
        "customer_name": customer.name if customer else "",
        "customer_purchase_ip": intent.metadata.get("ip_address", ""),
        "billing_address": address_in_words(customer.address) if customer else "",
        "service_date": f"{attempt.created_at:%Y-%m-%d}",
        **_parcel_in_words(intent.shipping),
        "access_activity_log": _usage_in_words(dispute),
        **_terms_in_words(dispute, attempt),
        "duplicate_charge_id": other.charge_id if other else "",
        "duplicate_charge_explanation": _difference_in_words(attempt, other) if other else "",
    }
    texts |= _billing_source()(attempt.intent_id)
    return {name: text for name, text in texts.items() if text}


def find_compelling_payments(dispute: Dispute) -> CompellingEvidence | None:
    """Return the two earlier payments which answer a Visa 10.4 dispute, None without (AC-89)."""
    found = _compare_payments(dispute)
    return found[1] if found else None


def suggest_compelling(dispute: Dispute) -> dict[str, Any]:
    """Return the draft that names the two earlier payments; empty when there are not two."""
    found = _compare_payments(dispute)
    return begin_draft(*found) if found else {}


def _compare_payments(dispute: Dispute) -> tuple[PastPayment, CompellingEvidence] | None:
    """
    Return the disputed payment, and the two earlier ones which answer for it if there are two.

    Who paid is known from the customer, and from the payment's metadata `ip_address`, `device` and
    `shipping_address` where the shop sets them (AC-89); where it went also from its `shipping`.
    """
    if not is_eligible(network=dispute.network, reason_code=dispute.network_reason_code):
        return None
    attempt = PaymentAttempt.objects.select_related("intent").get(pk=dispute.attempt_id)
    fingerprint = attempt.method_details.get("fingerprint")
    if not fingerprint:
        return None
    earlier = PaymentAttempt.objects.filter(
        merchant_id=attempt.merchant_id,
        livemode=attempt.livemode,
        status=AttemptStatus.CAPTURED,
        method_details__fingerprint=fingerprint,
        pk__range=(
            first_id("att", attempt.created_at - OLDEST),
            first_id("att", attempt.created_at - YOUNGEST + timedelta(seconds=1)),
        ),
    )
    found = list(earlier.select_related("intent").order_by("-pk")[:PAST_PAYMENTS_MAX])
    disputed = set(
        Dispute.objects.filter(attempt__in=found).values_list("attempt_id", flat=True)
    ) | set(FraudReport.objects.filter(attempt__in=found).values_list("attempt_id", flat=True))
    asked = _past_payment(attempt, is_disputed=True)
    compelling = find_compelling(
        asked, [_past_payment(each, is_disputed=each.pk in disputed) for each in found]
    )
    return (asked, compelling) if compelling else None


def _parcel_in_words(shipping: Mapping[str, Any] | None) -> dict[str, str]:
    """Return where the goods went, as the payment tells it."""
    if not shipping:
        return {}
    where = address_in_words(shipping["address"])
    return {
        "shipping_address": "\n".join(text for text in (shipping["name"], where) if text),
        "shipping_carrier": shipping["carrier"] or "",
        "shipping_tracking_number": shipping["tracking_number"] or "",
    }


def _usage_in_words(dispute: Dispute) -> str:
    """Return the latest that the customer did in the service before the dispute, oldest first."""
    if not dispute.customer_id:
        return ""
    rows = UsageEvidence.objects.filter(
        merchant_id=dispute.merchant_id,
        livemode=dispute.livemode,
        customer_id=dispute.customer_id,
        occurred_at__lte=dispute.opened_at,
    ).order_by("-occurred_at", "-pk")
    latest = list(rows[:USAGE_MAX])
    uses = [
        use_at(row.occurred_at, action=row.action, ip_address=row.ip_address, device=row.device)
        for row in reversed(latest)
    ]
    return write_log(uses, left_out=_left_out(rows) if len(latest) == USAGE_MAX else "")


def _left_out(rows: QuerySet[UsageEvidence]) -> str:
    """Return how many there are before the latest ones, in words; nothing when there are none."""
    older = rows[USAGE_MAX : USAGE_MAX + OLDER_COUNTED_MAX].count()
    more = f"{older} or more" if older == OLDER_COUNTED_MAX else f"{older} more"
    return f"and {more} before these" if older else ""


def _terms_in_words(dispute: Dispute, attempt: PaymentAttempt) -> dict[str, str]:
    """Return the terms as the checkout showed them on the day of the payment."""
    history = DisputePolicy.history.filter(
        merchant_id=dispute.merchant_id,
        livemode=dispute.livemode,
        history_date__lte=attempt.created_at,
    )
    shown = history.order_by("-history_date", "-history_id").first()
    if shown is None:
        return {}
    intro = f"Shown at checkout, in force since {shown.history_date:%Y-%m-%d}:\n"
    return {
        name: intro + text
        for name, text in (
            ("cancellation_policy_disclosure", shown.cancellation_terms),
            ("refund_policy_disclosure", shown.refund_terms),
        )
        if text
    }


@cache
def _billing_source() -> Callable[[str], Mapping[str, str]]:
    """Return who tells what was billed: billing lies beside disputes."""
    return cast(
        "Callable[[str], Mapping[str, str]]", import_string(settings.DISPUTE_BILLING_EVIDENCE)
    )


@cache
def _clocks() -> Callable[..., Any]:
    return cast("Callable[..., Any]", import_string(settings.DISPUTE_CLOCKS))


def _past_payment(attempt: PaymentAttempt, *, is_disputed: bool) -> PastPayment:
    intent = attempt.intent
    told = {name: intent.metadata.get(name, "") for name in _TOLD_IN_METADATA}
    if intent.shipping:
        told["shipping_address"] = address_in_words(intent.shipping["address"])
    return PastPayment(
        charge_id=attempt.charge_id,
        paid_at=attempt.created_at,
        description=intent.description,
        is_disputed=is_disputed,
        shipped_to=_parts_of(intent.shipping["address"]) if intent.shipping else {},
        known={**told, "account": intent.customer_id},
    )


def _find_twin(attempt: PaymentAttempt) -> PaymentAttempt | None:
    """Return the captured charge nearest in time that a payer could take for this one."""
    fingerprint = attempt.method_details.get("fingerprint")
    if not fingerprint:
        return None
    twins = PaymentAttempt.objects.filter(
        merchant_id=attempt.merchant_id,
        livemode=attempt.livemode,
        status=AttemptStatus.CAPTURED,
        amount=attempt.amount,
        currency=attempt.currency,
        method_details__fingerprint=fingerprint,
        # Ids sort by time, and the list's index has them.
        pk__range=(
            first_id("att", attempt.created_at - DUPLICATE_WINDOW),
            first_id("att", attempt.created_at + DUPLICATE_WINDOW),
        ),
    ).exclude(pk=attempt.pk)
    found = list(twins.select_related("intent")[:20])
    return min(found, key=lambda twin: abs(twin.created_at - attempt.created_at), default=None)


def _difference_in_words(*charges: PaymentAttempt) -> str:
    """Return what each of two charges was for; nothing where both were for the same."""
    about = {each.charge_id: each.intent.description for each in charges}
    if len(set(about.values())) < len(charges) or not all(about.values()):
        return ""
    first, second = sorted(charges, key=lambda each: each.pk)
    return "Two purchases: " + "; ".join(
        f"{each.charge_id} on {each.created_at:%Y-%m-%d %H:%M} UTC for {about[each.charge_id]}"
        for each in (first, second)
    )


def _parts_of(address: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in address.items() if text}


def get_bank_checks(attempt: PaymentAttempt) -> list[tuple[str, str]]:
    """Return in words what the bank checked when the payer paid, and what came out."""
    told = attempt.method_details
    return [
        (name, results.get(result, result.replace("_", " ").capitalize()))
        for name, key, results in _BANK_CHECKS
        if (result := told.get(key))
    ]
