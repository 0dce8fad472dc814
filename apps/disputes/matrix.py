"""
Which evidence banks want for which complaint; pure, as the names of Stripe's API have it.

The receipt and what the bank checked when the payer paid are never missing: the packet always
begins with them, written from our own records.

Source: Stripe's pages on dispute categories and evidence
"""

from collections.abc import Mapping
from dataclasses import dataclass

# What Stripe reads at most: of one field, and of all of them together (AC-87).
FIELD_LIMIT = 20_000
TOTAL_LIMIT = 150_000


@dataclass(frozen=True, slots=True)
class EvidenceField:
    """One part of the evidence, and why a bank wants it; a file is named by its id."""

    name: str
    label: str
    why: str
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A field on the checklist of one dispute."""

    field: EvidenceField
    is_required: bool
    is_given: bool


_FIELDS = (
    EvidenceField(
        "product_description", "What was sold", "Shows the bank what the payer paid for."
    ),
    EvidenceField("customer_email_address", "Customer's e-mail", "Ties the payment to a person."),
    EvidenceField("customer_name", "Customer's name", "Compared with the name on the card."),
    EvidenceField(
        "customer_purchase_ip", "IP address of the purchase", "Shows where the payer was."
    ),
    EvidenceField("billing_address", "Billing address", "Compared with the bank's records."),
    EvidenceField(
        "access_activity_log",
        "Use of the service",
        "The strongest proof for software: it was used.",
    ),
    EvidenceField(
        "cancellation_policy_disclosure",
        "How the cancellation policy was shown",
        "A policy the payer never saw does not count.",
    ),
    EvidenceField(
        "cancellation_rebuttal",
        "Why it was not canceled",
        "Says when, and that no cancellation came before the charge.",
    ),
    EvidenceField(
        "refund_policy_disclosure",
        "How the refund policy was shown",
        "A policy the payer never saw does not count.",
    ),
    EvidenceField(
        "refund_refusal_explanation", "Why no refund is due", "Answers the payer's claim itself."
    ),
    EvidenceField("service_date", "Date of the service", "Shows that it was delivered in time."),
    EvidenceField("shipping_address", "Shipping address", "Matches the billing address, at best."),
    EvidenceField("shipping_carrier", "Carrier", "Needed to follow the parcel."),
    EvidenceField("shipping_date", "Shipped on", "Must lie before the complaint."),
    EvidenceField("shipping_tracking_number", "Tracking number", "The carrier's proof."),
    EvidenceField(
        "duplicate_charge_id", "The other charge", "The charge which the payer takes for the same."
    ),
    EvidenceField(
        "duplicate_charge_explanation", "Why they differ", "Two charges, two things bought."
    ),
    EvidenceField("uncategorized_text", "Anything else", "Read last; keep it short."),
)
_FILES = (
    ("customer_communication", "Messages with the customer", "Shows what the payer knew and said."),
    ("customer_signature", "Signature or 3DS result", "Shows that the payer agreed."),
    ("receipt", "Receipt", "What the payer was told they pay for."),
    ("cancellation_policy", "Cancellation policy", "The rules, as they stood on that day."),
    ("refund_policy", "Refund policy", "The rules, as they stood on that day."),
    ("service_documentation", "Proof of the service", "A contract, a log, a delivery note."),
    ("shipping_documentation", "Proof of shipping", "The carrier's paper."),
    ("duplicate_charge_documentation", "Receipt of the other charge", "Shows two purchases."),
    ("uncategorized_file", "Any other file", "Read last; keep it short."),
)
FIELDS: Mapping[str, EvidenceField] = {
    field.name: field
    for field in (*_FIELDS, *(EvidenceField(*each, is_file=True) for each in _FILES))
}
FILE_FIELDS = frozenset(name for name, field in FIELDS.items() if field.is_file)

_WHO = ("customer_email_address", "customer_name", "customer_purchase_ip", "billing_address")
_PARCEL = (
    "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
)  # fmt: skip
_SHIPPING = (*_PARCEL, "shipping_documentation")

# Short texts that are read together, under one title.
GROUPS: Mapping[str, tuple[str, ...]] = {"The customer": _WHO, "Shipping": _PARCEL}

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "fraudulent": ("product_description", *_WHO, "access_activity_log"),
    "subscription_canceled": (
        "product_description", "access_activity_log", "customer_communication",
        "cancellation_policy", "cancellation_policy_disclosure", "cancellation_rebuttal",
    ),
    "product_not_received": (
        "product_description", *_WHO, "access_activity_log", "customer_communication",
        "service_date", "service_documentation",
    ),
    "product_unacceptable": (
        "product_description", "customer_communication", "refund_policy",
        "refund_policy_disclosure", "refund_refusal_explanation", "service_date",
        "service_documentation",
    ),
    "credit_not_processed": (
        "customer_communication", "refund_policy", "refund_policy_disclosure",
        "refund_refusal_explanation",
    ),
    "duplicate": (
        "duplicate_charge_id", "duplicate_charge_explanation", "duplicate_charge_documentation",
    ),
}  # fmt: skip
_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "fraudulent": (
        "customer_signature", "customer_communication", "receipt", "service_date",
        "service_documentation", *_SHIPPING,
    ),
    "subscription_canceled": (
        *_WHO, "customer_signature", "receipt", "refund_policy", "refund_policy_disclosure",
        "refund_refusal_explanation", "service_date", "service_documentation",
    ),
    "product_not_received": ("receipt", *_SHIPPING),
    "product_unacceptable": (*_WHO, "access_activity_log", "receipt", *_SHIPPING),
    "credit_not_processed": ("product_description", *_WHO, "receipt"),
    "duplicate": ("product_description", *_WHO, "receipt", "customer_communication"),
}  # fmt: skip
_SAME_AS = {"unrecognized": "fraudulent"}
_NOT_RECEIVED = "product_not_received"
_ANY = ("product_description", *_WHO, "receipt")

# What the packet writes from our own records, once it is named in another field.
_WRITTEN_FROM: Mapping[str, str] = {"duplicate_charge_documentation": "duplicate_charge_id"}

CLAIMS: Mapping[str, str] = {
    "fraudulent": "The cardholder says that they did not make this payment.",
    "unrecognized": "The cardholder does not recognise this payment.",
    "subscription_canceled": "The cardholder says that the subscription had been canceled.",
    "product_not_received": "The cardholder says that nothing was delivered.",
    "product_unacceptable": "The cardholder says that it was defective or not as described.",
    "credit_not_processed": "The cardholder says that a refund was promised and never came.",
    "duplicate": "The cardholder says that they were charged twice for the same.",
}
OTHER_CLAIM = "The cardholder's bank questions this payment."


def claim_of(reason: str) -> str:
    """Return the payer's claim in plain words."""
    return CLAIMS.get(reason, OTHER_CLAIM)


def checklist(reason: str, evidence: Mapping[str, str]) -> list[Wanted]:
    """
    Return what banks want for this reason, the required fields first.

    Of a parcel that did not come they want all: there was one when the draft names any part of it.
    """
    known = _SAME_AS.get(reason, reason)
    required = _REQUIRED.get(known, ("product_description",))
    if known == _NOT_RECEIVED and any(evidence.get(name) for name in _SHIPPING):
        required = (*required, *_SHIPPING)
    optional = (*_OPTIONAL.get(known, _ANY), "uncategorized_text", "uncategorized_file")
    names = [*required, *(name for name in optional if name not in required)]
    return [Wanted(FIELDS[name], name in required, _is_given(name, evidence)) for name in names]


def missing(reason: str, evidence: Mapping[str, str]) -> list[str]:
    """Return the names of the required fields that are still empty."""
    wanted = checklist(reason, evidence)
    return [each.field.name for each in wanted if each.is_required and not each.is_given]


def _is_given(name: str, evidence: Mapping[str, str]) -> bool:
    sources = (name, _WRITTEN_FROM.get(name, name))
    return any(evidence.get(source, "").strip() for source in sources)


def excess(evidence: Mapping[str, str]) -> tuple[str, int, int] | None:
    """Return what is too long, its length and its limit; None when all of it is read."""
    texts = {name: text for name, text in evidence.items() if name in FIELDS}
    for name, text in texts.items():
        if len(text) > FIELD_LIMIT:
            return name, len(text), FIELD_LIMIT
    total = sum(len(text) for text in texts.values())
    return ("evidence", total, TOTAL_LIMIT) if total > TOTAL_LIMIT else None
