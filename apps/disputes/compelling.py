"""
Visa's "compelling evidence 3.0": two earlier payments that the payer never disputed (AC-89).

Pure; the payments come from `selectors`. Source: Visa, Compelling Evidence 3.0 merchant readiness
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

# Only this Visa reason (card-absent fraud) can be answered in this way.
NETWORK, REASON_CODE = "visa", "10.4"
NEEDED = 2

# How much older than the disputed payment the earlier ones are.
YOUNGEST, OLDEST = timedelta(days=120), timedelta(days=364)

# Two of these must be the same in all three payments, and one of the two from the first line.
_STRONG = ("ip_address", "device")
_ELEMENTS = (*_STRONG, "account", "shipping_address")
ELEMENT_NAMES: Mapping[str, str] = {
    "ip_address": "IP address",
    "device": "device",
    "account": "customer account",
    "shipping_address": "shipping address",
}

# Where a draft has it, by the names of Stripe's API.
ENHANCED, CE3 = "enhanced_evidence", "visa_compelling_evidence_3"
# Stripe takes no shorter ones. Source: Stripe's description of `visa_compelling_evidence_3`
DEVICE_ID_CHARACTERS, FINGERPRINT_CHARACTERS = 15, 20
_PRODUCT = "product_description"
# By which fields each element is told; one of them is enough.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ip_address": ("customer_purchase_ip",),
    "device": ("customer_device_fingerprint", "customer_device_id"),
    "account": ("customer_account_id", "customer_email_address"),
    "shipping_address": ("shipping_address",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PastPayment:
    """
    A payment by the same card, and what is known of who paid, by the names of `_ELEMENTS`.

    `shipped_to` is the address in its parts, where the payment tells it so.
    """

    charge_id: str
    paid_at: datetime
    description: str
    is_disputed: bool
    known: Mapping[str, str]
    shipped_to: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompellingEvidence:
    """The two earlier payments, and what they have in common with the disputed one."""

    earlier: tuple[PastPayment, ...]
    matching: tuple[str, ...]


def is_eligible(*, network: str, reason_code: str) -> bool:
    """Return whether the scheme takes such evidence for this dispute at all."""
    return network == NETWORK and reason_code == REASON_CODE


def find_compelling(
    disputed: PastPayment, candidates: Iterable[PastPayment]
) -> CompellingEvidence | None:
    """
    Return the two newest earlier payments that fit, None when there are not two.

    Each must match the disputed payment in the same two elements or more.
    """
    fitting = [
        (candidate, matching)
        for candidate in sorted(candidates, key=lambda each: each.paid_at, reverse=True)
        if not candidate.is_disputed
        and YOUNGEST <= disputed.paid_at - candidate.paid_at <= OLDEST
        and _is_enough(matching := _matching(disputed, candidate))
    ]
    for place, (first, matching) in enumerate(fitting):
        for second, others in fitting[place + 1 :]:
            common = tuple(name for name in matching if name in others)
            if _is_enough(common):
                return CompellingEvidence((first, second), common)
    return None


def begin_draft(disputed: PastPayment, found: CompellingEvidence) -> dict[str, Any]:
    """Return the evidence by the names of Stripe's API, as far as we know it."""
    is_shipped = bool(disputed.known.get("shipping_address"))
    return {
        "disputed_transaction": {
            **_describe(disputed),
            "merchandise_or_services": "merchandise" if is_shipped else "services",
        },
        "prior_undisputed_transactions": [
            {"charge": each.charge_id, **_describe(each)} for each in found.earlier
        ],
    }


def read_draft(evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a draft says of earlier payments; empty when nothing."""
    told: Mapping[str, Any] = evidence.get(ENHANCED, {}).get(CE3, {})
    return told


def required_actions(draft: Mapping[str, Any]) -> list[str]:
    """Return what a draft lacks, in the words of Stripe's API; [] when the scheme takes it."""
    disputed = draft.get("disputed_transaction", {})
    earlier = draft.get("prior_undisputed_transactions", [])
    checks = (
        ("missing_customer_identifiers", _is_same_customer([disputed, *earlier])),
        ("missing_disputed_transaction_description", bool(disputed.get(_PRODUCT))),
        ("missing_merchandise_or_services", bool(disputed.get("merchandise_or_services"))),
        (
            "missing_prior_undisputed_transaction_description",
            all(each.get(_PRODUCT) for each in earlier),
        ),
        ("missing_prior_undisputed_transactions", len(earlier) == NEEDED),
    )
    return [action for action, is_done in checks if not is_done]


def _describe(payment: PastPayment) -> dict[str, Any]:
    device = payment.known.get("device", "")
    told = {
        "customer_account_id": payment.known.get("account", ""),
        "customer_device_fingerprint": device if len(device) >= FINGERPRINT_CHARACTERS else "",
        "customer_device_id": device if _is_device_id(device) else "",
        "customer_purchase_ip": payment.known.get("ip_address", ""),
        _PRODUCT: payment.description,
        "shipping_address": payment.shipped_to,
    }
    return {name: part for name, part in told.items() if part}


def _is_device_id(device: str) -> bool:
    return DEVICE_ID_CHARACTERS <= len(device) < FINGERPRINT_CHARACTERS


def _is_same_customer(payments: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether enough of what identifies a customer is the same in all of them."""
    same = {
        element
        for element, names in _FIELDS.items()
        if any(
            payments[0].get(name) and all(each.get(name) == payments[0][name] for each in payments)
            for name in names
        )
    }
    return len(payments) > 1 and _is_enough(tuple(same))


def _matching(one: PastPayment, other: PastPayment) -> tuple[str, ...]:
    return tuple(
        name
        for name in _ELEMENTS
        if one.known.get(name) and one.known.get(name) == other.known.get(name)
    )


def _is_enough(matching: tuple[str, ...]) -> bool:
    return len(matching) >= NEEDED and any(name in matching for name in _STRONG)
