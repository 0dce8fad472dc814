"""
The packet: one PDF with everything that answers a dispute, in the order in which banks read.

It begins with our own records of the payment (the receipt, and what the bank checked when the payer
paid); then come the texts, the images, a list of all documents with their pages, and the pages of
the uploaded PDFs.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

from apps.api.models import Merchant
from apps.common.ids import new_id
from apps.common.money import to_major
from apps.common.postal import address_in_words
from apps.disputes.compelling import read_draft
from apps.disputes.content import MAX_BYTES, MAX_PAGES, PDF
from apps.disputes.errors import PacketTooLarge
from apps.disputes.matrix import FIELDS, GROUPS, checklist, claim_of
from apps.disputes.models import Dispute, StoredFile
from apps.disputes.selectors import find_charges, get_bank_checks
from apps.disputes.states import FilePurpose
from apps.disputes.usage_log import Use, read_line
from apps.payments.models import PaymentAttempt

if TYPE_CHECKING:
    from apps.common.pdf import Document

# What the form calls by where it stands there.
_HEADINGS: Final = {
    "uncategorized_text": "Further remarks",
    "uncategorized_file": "Further document",
}
# What is compared of payments, in the order of the table.
_COMPARED: Final = {
    "charge": "Charge",
    "paid": "Paid",
    "product_description": "What was sold",
    "customer_purchase_ip": "IP address",
    "customer_device_fingerprint": "Device",
    "customer_device_id": "Device",
    "customer_account_id": "Customer account",
    "customer_email_address": "E-mail",
    "shipping_address": "Shipping address",
}
# What the list of documents takes: its headings, and each document over two lines.
_HEAD_MM: Final = 30
_ROW_MM: Final = 13
# Most of what is compared fits on one line.
_COMPARED_MM: Final = 9
_NAME_CHARACTERS: Final = 60
_LOG: Final = "access_activity_log"
# Its heading, that of the table and the tallest line, so that none of them stands alone.
_LOG_MM: Final = 50
_LOG_SIZE: Final = 8
# The columns of the log, and how wide each is beside the others; the time and the action stand in
# every line.
_LOG_COLUMNS: Final = (
    ("Time (UTC)", "at", 1.8),
    ("Action", "action", 3.6),
    ("IP address", "ip_address", 2.7),
    ("Device", "device", 3.8),
)


def build_packet(dispute: Dispute, evidence: Mapping[str, Any], *, now: datetime) -> bytes:
    """Return the PDF for this draft; the same draft at the same time makes the same bytes."""
    from apps.common.pdf import Document, append_pdfs  # noqa: PLC0415 - large

    files = _files_of(dispute, evidence)
    pdfs = [bytes(file.content) for _, file in files if file.content_type == PDF]
    document = Document(
        title="Response to a dispute",
        created_at=now,
        footer=f"{dispute.id} · round {dispute.round}",
        is_whole=not pdfs,
    )
    _tell_claim(document, dispute)
    _tell_payment(document, dispute)
    _tell_other_payment(document, dispute, evidence)
    _tell_compelling(document, dispute, evidence)
    _tell_texts(document, dispute, evidence)
    _add_files(document, files)
    return append_pdfs(document.to_bytes(), pdfs) if pdfs else document.to_bytes()


def freeze_packet(
    dispute: Dispute, evidence: Mapping[str, Any], *, by: str, now: datetime
) -> StoredFile:
    """
    Keep the packet as it is sent, with its digest.

    :raises PacketTooLarge: the files together are more than a bank takes
    """
    from apps.common.pdf import count_pages  # noqa: PLC0415 - large

    content = build_packet(dispute, evidence, now=now)
    pages = count_pages(content)
    if len(content) > MAX_BYTES or pages > MAX_PAGES:
        raise PacketTooLarge(
            dispute=dispute.id,
            pages=pages,
            size=len(content),
            page_limit=MAX_PAGES,
            limit=MAX_BYTES,
        )
    return StoredFile.objects.create(
        id=new_id("file"),
        merchant_id=dispute.merchant_id,
        livemode=dispute.livemode,
        purpose=FilePurpose.DISPUTE_PACKET,
        name=f"{dispute.id}-{dispute.round}.pdf",
        content_type=PDF,
        pages=pages,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        created_by=by,
        created_at=now,
    )


def _tell_claim(document: "Document", dispute: Dispute) -> None:
    merchant = Merchant.objects.filter(pk=dispute.merchant_id).values_list("name", flat=True)
    code = f"{_words(dispute.network)} {dispute.network_reason_code}".strip()
    _tell(
        document,
        ("Dispute", dispute.gateway_reference),
        ("Answered by", merchant.first() or ""),
        ("Claim", claim_of(dispute.reason)),
        ("Reason", ", ".join(filter(None, (_words(dispute.reason), code)))),
        ("Stage", _words(dispute.stage)),
        ("Disputed amount", _money(dispute.amount, dispute.currency)),
        ("Opened", _day(dispute.opened_at)),
    )


def _tell_payment(document: "Document", dispute: Dispute) -> None:
    attempt = PaymentAttempt.objects.select_related("intent").get(pk=dispute.attempt_id)
    document.heading("Receipt")
    _tell_receipt(document, attempt)
    checks = get_bank_checks(attempt)
    if checks:
        document.heading("What the bank checked")
        _tell(document, *checks)


def _tell_other_payment(
    document: "Document", dispute: Dispute, evidence: Mapping[str, str]
) -> None:
    """Add the receipt of the charge that the payer takes for the same, when it is one of ours."""
    named = find_charges(dispute.scope, [evidence.get("duplicate_charge_id", "")])
    for other in named.values():
        document.heading("Receipt of the other charge")
        _tell_receipt(document, other)


def _tell_compelling(document: "Document", dispute: Dispute, evidence: Mapping[str, Any]) -> None:
    """Add the earlier payments beside the disputed one, so that it is seen what they share."""
    draft = read_draft(evidence)
    if not draft:
        return
    earlier = draft.get("prior_undisputed_transactions", [])
    charges = find_charges(dispute.scope, [each["charge"] for each in earlier])
    disputed = draft.get("disputed_transaction", {})
    columns = [
        {
            **disputed,
            "charge": dispute.attempt.charge_id,
            "paid": _moment(dispute.attempt.created_at),
        },
        *({**each, "paid": _moment(charges[each["charge"]].created_at)} for each in earlier),
    ]
    rows = [
        (label, *(_flat(column.get(name, "")) for column in columns))
        for name, label in _COMPARED.items()
        if any(column.get(name) for column in columns)
    ]
    document.heading("Compelling evidence 3.0", room_mm=_HEAD_MM + _COMPARED_MM * len(rows))
    document.paragraph("The same cardholder made these payments before and did not dispute them.")
    document.table(
        ("", "Disputed payment", *("Undisputed payment" for _ in earlier)),
        rows,
        widths=(1.8, *(3.2 for _ in columns)),
        size=8,
    )


def _flat(told: Any) -> str:
    """Return a text, or an address on one line."""
    return address_in_words(told) if isinstance(told, Mapping) else str(told)


def _tell_receipt(document: "Document", attempt: PaymentAttempt) -> None:
    intent, details = attempt.intent, attempt.method_details
    card = f"{_words(details.get('brand', ''))} ···· {details.get('last4', '')}"
    _tell(
        document,
        ("Charge", attempt.charge_id),
        ("Paid", _moment(attempt.created_at)),
        ("Amount", _money(attempt.amount_captured, attempt.currency)),
        ("Paid with", card if details.get("last4") else ""),
        ("For", intent.description),
        ("On the statement as", intent.descriptor),
        ("Refunded", _money(intent.amount_refunded, intent.currency)),
    )


def _tell_texts(document: "Document", dispute: Dispute, evidence: Mapping[str, str]) -> None:
    """Add the texts in the order in which banks want them for this reason."""
    wanted = [each.field.name for each in checklist(dispute.reason, evidence)]
    left = {name: evidence[name] for name in (*wanted, *FIELDS) if _is_text(name, evidence)}
    while left:
        name = next(iter(left))
        title, group = next(
            ((title, names) for title, names in GROUPS.items() if name in names), ("", (name,))
        )
        told = [(FIELDS[each].label, left.pop(each)) for each in group if each in left]
        heading = title or _HEADINGS.get(name, FIELDS[name].label)
        if name == _LOG:
            document.heading(heading, room_mm=_LOG_MM)
            _tell_use(document, told[0][1])
            continue
        document.heading(heading)
        if title:
            _tell(document, *told)
        else:
            document.paragraph(told[0][1])


def _tell_use(document: "Document", log: str) -> None:
    """Add the log as a table; what is no line of it stands between as it was written."""
    lines = [(read_line(line), line) for line in log.splitlines() if line.strip()]
    for is_use, run in groupby(lines, key=lambda each: each[0] is not None):
        if is_use:
            _tabulate(document, [use for use, _ in run if use])
        else:
            document.paragraph("\n".join(line for _, line in run))


def _tabulate(document: "Document", uses: Sequence[Use]) -> None:
    """Add these lines of the log as a table without the columns of which nothing is known."""
    columns = [each for each in _LOG_COLUMNS if any(getattr(use, each[1]) for use in uses)]
    document.table(
        [heading for heading, _, _ in columns],
        [[getattr(use, name) for _, name, _ in columns] for use in uses],
        widths=[width for _, _, width in columns],
        size=_LOG_SIZE,
    )


def _is_text(name: str, evidence: Mapping[str, str]) -> bool:
    return bool(evidence.get(name)) and not FIELDS[name].is_file


def _add_files(document: "Document", files: Sequence[tuple[str, StoredFile]]) -> None:
    """Add the images, and say on which pages all documents stand: those of PDFs come after ours."""
    places: dict[str, int] = {}
    for label, file in files:
        if file.content_type != PDF:
            document.image(bytes(file.content), heading=label, caption=_caption(file))
            places[file.id] = document.pages
    if not files:
        return
    # All of the list stands on one page, so that it is known which page comes next.
    document.heading("Documents", room_mm=_HEAD_MM + _ROW_MM * len(files))
    after = document.pages
    for _, file in files:
        if file.content_type == PDF:
            places[file.id] = after + 1
            after += file.pages
    document.table(
        ("Document", "File", "SHA-256 begins with", "Pages"),
        [
            (label, shorten(file.name, _NAME_CHARACTERS, placeholder="…"), file.sha256[:16],
             _range(places[file.id], file.pages))
            for label, file in files
        ],
        widths=(4, 4, 3, 1.2),
        numbers=[3],
    )  # fmt: skip


def _files_of(dispute: Dispute, evidence: Mapping[str, str]) -> list[tuple[str, StoredFile]]:
    """Return the files with their headings, in the order in which banks want them."""
    wanted = [each.field.name for each in checklist(dispute.reason, evidence)]
    named = {
        evidence[name]: _HEADINGS.get(name, FIELDS[name].label)
        for name in (*wanted, *FIELDS)
        if FIELDS[name].is_file and evidence.get(name)
    }
    found = {file.id: file for file in StoredFile.objects.filter(pk__in=named)}
    return [(label, found[id_]) for id_, label in named.items()]


def _tell(document: "Document", *facts: tuple[str, str]) -> None:
    """Add what is known of these facts; what is not is left out."""
    document.facts([(label, text) for label, text in facts if text])


def _range(first: int, pages: int) -> str:
    return str(first) if pages == 1 else f"{first}\u2013{first + pages - 1}"


def _caption(file: StoredFile) -> str:
    return f"{file.name}, SHA-256 {file.sha256}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _money(amount: int, currency: str) -> str:
    return f"{to_major(amount, currency)} {currency}"
