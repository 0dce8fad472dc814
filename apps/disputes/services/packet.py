"""
The packet: one PDF with everything that answers a dispute, in the order in which banks read.

It begins with our own records of the payment (the receipt, and what the bank checked when the payer
paid); then come the texts, the images, and the pages of the uploaded PDFs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apps.common.ids import new_id
from apps.common.money import to_major
from apps.disputes.content import MAX_BYTES, MAX_PAGES, PDF
from apps.disputes.errors import PacketTooLarge
from apps.disputes.matrix import FIELDS, claim_of
from apps.disputes.models import Dispute, StoredFile
from apps.disputes.selectors import checks_in_words
from apps.disputes.states import FilePurpose
from apps.payments.models import PaymentAttempt, PaymentIntent

if TYPE_CHECKING:
    from apps.common.pdf import Document


def build_packet(dispute: Dispute, evidence: Mapping[str, str], *, now: datetime) -> bytes:
    """Return the PDF for this draft; the same draft at the same time makes the same bytes."""
    from apps.common.pdf import Document, append_pdfs  # noqa: PLC0415 - large

    document = Document(
        title=f"Response to dispute {dispute.gateway_reference}",
        created_at=now,
        footer=f"{dispute.id} · round {dispute.round}",
    )
    _tell_claim(document, dispute)
    _tell_payment(document, dispute)
    _tell_texts(document, evidence)
    files = _files_of(evidence)
    _list_files(document, files)
    for label, file in files:
        if file.content_type != PDF:
            document.heading(label)
            document.image(bytes(file.content), caption=_caption(file))
    pdfs = [bytes(file.content) for _, file in files if file.content_type == PDF]
    return append_pdfs(document.to_bytes(), pdfs) if pdfs else document.to_bytes()


def freeze_packet(
    dispute: Dispute, evidence: Mapping[str, str], *, by: str, now: datetime
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
    document.facts(
        [
            ("Claim", claim_of(dispute.reason)),
            (
                "Reason",
                f"{dispute.network.capitalize()} {dispute.network_reason_code}".strip() or "-",
            ),
            ("Stage", dispute.stage.replace("_", "-").capitalize()),
            ("Disputed amount", _money(dispute.amount, dispute.currency)),
            ("Opened", _day(dispute.opened_at)),
        ]
    )


def _tell_payment(document: "Document", dispute: Dispute) -> None:
    attempt = PaymentAttempt.objects.get(pk=dispute.attempt_id)
    intent = PaymentIntent.objects.get(pk=dispute.intent_id)
    details = attempt.method_details
    card = f"{details.get('brand', '').capitalize()} ···· {details.get('last4', '')}".strip()
    document.heading("Receipt")
    document.facts(
        [
            ("Charge", attempt.charge_id),
            ("Paid", _moment(attempt.created_at)),
            ("Amount", _money(attempt.amount_captured, attempt.currency)),
            ("Paid with", card),
            ("For", intent.description or "-"),
            ("On the statement as", intent.descriptor or "-"),
            ("Checked by the bank", checks_in_words(attempt) or "-"),
            ("Refunded", _money(intent.amount_refunded, intent.currency)),
        ]
    )


def _tell_texts(document: "Document", evidence: Mapping[str, str]) -> None:
    for name, field in FIELDS.items():
        text = evidence.get(name, "")
        if text and not field.is_file:
            document.heading(field.label)
            document.paragraph(text)


def _list_files(document: "Document", files: Iterable[tuple[str, StoredFile]]) -> None:
    rows = [(label, file.name, str(file.pages), file.sha256[:16]) for label, file in files]
    if rows:
        document.heading("Documents that follow")
        headings = ("Document", "File", "Pages", "SHA-256 begins with")
        document.table(headings, rows, widths=(4, 4, 1, 3), numbers=[2])


def _files_of(evidence: Mapping[str, str]) -> list[tuple[str, StoredFile]]:
    """Return the files with their labels, in the order of the matrix."""
    named = {
        evidence[name]: field.label
        for name, field in FIELDS.items()
        if field.is_file and evidence.get(name)
    }
    found = {file.id: file for file in StoredFile.objects.filter(pk__in=named)}
    return [(label, found[id_]) for id_, label in named.items()]


def _caption(file: StoredFile) -> str:
    return f"{file.name}, SHA-256 {file.sha256}"


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _money(amount: int, currency: str) -> str:
    return f"{to_major(amount, currency)} {currency}"
