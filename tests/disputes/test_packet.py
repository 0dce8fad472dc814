"""The packet: everything that answers a dispute as one PDF, frozen as it was sent."""

import hashlib
import re
from io import BytesIO

import pytest
from django.utils import timezone
from pypdf import PdfReader

from apps.common.errors import ResourceMissing
from apps.disputes.errors import PacketTooLarge
from apps.disputes.matrix import missing
from apps.disputes.models import Dispute, StoredFile, Submission
from apps.disputes.services import packet as packets
from apps.disputes.services.evidence import attach_file, save_evidence, submit_evidence
from apps.disputes.services.packet import build_packet
from tests.disputes.stories import PERSON, paid, tell
from tests.disputes.test_files import image, pdf
from tests.disputes.test_suggestions import pay
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispute(gateway: FakeGateway) -> Dispute:
    _, payment = paid(gateway)
    return tell(gateway.open_dispute(payment, now=timezone.now()))


def attach(dispute: Dispute, field: str, content: bytes, name: str) -> StoredFile:
    """Upload a document."""
    return attach_file(
        scope=SCOPE,
        dispute_id=dispute.id,
        field=field,
        content=content,
        name=name,
        origin=PERSON,
        now=timezone.now(),
    )


def read(dispute: Dispute, evidence: dict[str, str]) -> str:
    """Return what the packet's own pages say."""
    pages = PdfReader(BytesIO(build_packet(dispute, evidence, now=timezone.now()))).pages
    return "\n".join(page.extract_text() for page in pages)


def submit(dispute: Dispute) -> Submission:
    """Send the draft."""
    submit_evidence(scope=SCOPE, dispute_id=dispute.id, origin=PERSON, now=timezone.now())
    return Submission.objects.get()


def test_the_packet_holds_the_receipt_the_texts_and_the_files(dispute: Dispute) -> None:
    mail = attach(dispute, "customer_communication", pdf(2), "mail.pdf")
    photo = attach(dispute, "uncategorized_file", image(), "photo.png")
    case = save_evidence(
        scope=SCOPE,
        dispute_id=dispute.id,
        evidence={"customer_name": "محمد 王小明"},
        now=timezone.now(),
    )

    pages = PdfReader(BytesIO(build_packet(dispute, case.evidence, now=timezone.now()))).pages

    text = "\n".join(page.extract_text() for page in pages)
    for told in ("Receipt", "10.00 EUR", "Customer's name", "mail.pdf", photo.sha256[:16]):
        assert told in text
    assert mail.sha256[:16] in text
    # The two pages of the uploaded PDF come last, as the list says.
    assert [float(page.mediabox.width) for page in pages] == [pytest.approx(595, abs=1), 200, 200]
    assert re.search(r"mail\.pdf\s+\w{16}\s+2\u20133", text)
    assert re.search(r"photo\.png\s+\w{16}\s+1", text)


def test_what_the_bank_checked_is_told_in_words(gateway: FakeGateway) -> None:
    pay(gateway, now=timezone.now())
    disputed = tell(gateway.open_dispute(next(iter(gateway.payments.values())), now=timezone.now()))

    text = read(disputed, {})

    assert "What the bank checked" in text
    assert re.search(r"3D Secure\s+The bank authenticated the cardholder", text)
    assert re.search(r"Security code\s+Matched what the bank has", text)


def test_the_texts_come_in_the_order_in_which_banks_want_them(dispute: Dispute) -> None:
    evidence = {"service_date": "2026-11-02", "refund_refusal_explanation": "It works."}
    evidence |= {"customer_name": "Ada", "uncategorized_text": "That is all."}
    dispute.reason = "product_unacceptable"

    text = read(dispute, evidence)

    headings = ("Why no refund is due", "Date of the service", "The customer", "Further remarks")
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)


def test_the_log_of_use_is_a_table_whose_headings_stand_on_each_of_its_pages(
    dispute: Dispute,
) -> None:
    lines = [
        f"2026-11-02 09:{minute:02} UTC · Wrote {minute} · 203.0.113.7" for minute in range(60)
    ]
    log = "\n".join(["As our servers tell:", *lines, "and 3 more before these"])

    content = build_packet(dispute, {"access_activity_log": log}, now=timezone.now())

    pages = [page.extract_text() for page in PdfReader(BytesIO(content)).pages]
    told = [page for page in pages if "Wrote " in page]
    assert len(told) > 1
    for page in told:
        assert re.search(r"Time \(UTC\)\s+Action\s+IP address\s", page)
    text = "\n".join(pages)
    assert [text.count(f"Wrote {minute} ") for minute in range(60)] == [1] * 60
    assert text.index("As our servers tell:") < text.index("Time (UTC)") < text.index("and 3 more")
    # Nothing is known of devices, and no line has the form of the text.
    assert ("Device" in text, "UTC ·" in text) == (False, False)


def test_a_charge_that_looks_like_this_one_has_its_receipt_in_the_packet(
    gateway: FakeGateway,
) -> None:
    other = pay(gateway, now=timezone.now(), description="One more seat")
    pay(gateway, now=timezone.now())
    disputed = tell(gateway.open_dispute(list(gateway.payments.values())[1], now=timezone.now()))
    disputed.reason = "duplicate"
    evidence = {"duplicate_charge_id": other.charge_id, "duplicate_charge_explanation": "Seats."}

    text = read(disputed, evidence)

    assert missing("duplicate", evidence) == []
    assert "Receipt of the other charge" in text
    assert re.search(r"For\s+One more seat", text)
    assert "Receipt of the other charge" not in read(disputed, {"duplicate_charge_id": "ch_else"})


def test_the_packet_is_frozen_as_it_was_sent_with_its_digest(
    dispute: Dispute, gateway: FakeGateway
) -> None:
    attach(dispute, "customer_communication", pdf(), "mail.pdf")

    submission = submit(dispute)

    assert submission.packet is not None
    content = bytes(submission.packet.content)
    assert submission.sha256 == submission.packet.sha256 == hashlib.sha256(content).hexdigest()
    assert gateway.packets[dispute.gateway_reference] == content
    assert (submission.packet.purpose, submission.packet.pages) == ("dispute_packet", 2)


def test_the_same_draft_makes_the_same_bytes(dispute: Dispute) -> None:
    now = timezone.now()
    evidence = {"customer_name": "Ada"}

    assert build_packet(dispute, evidence, now=now) == build_packet(dispute, evidence, now=now)


def test_more_pages_than_banks_read_are_refused_and_nothing_is_sent(
    dispute: Dispute, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "MAX_PAGES", 3)
    attach(dispute, "customer_communication", pdf(3), "mail.pdf")

    with pytest.raises(PacketTooLarge) as refusal:
        submit(dispute)

    assert refusal.value.context["pages"] == 4
    assert not Submission.objects.exists()
    assert gateway.count("submit_evidence") == 0


def test_a_file_of_another_account_is_no_evidence(dispute: Dispute) -> None:
    with pytest.raises(ResourceMissing):
        save_evidence(
            scope=SCOPE,
            dispute_id=dispute.id,
            evidence={"receipt": "file_" + "0" * 26},
            now=timezone.now(),
        )


def test_a_refused_file_leaves_the_draft_as_it_was(dispute: Dispute) -> None:
    attach(dispute, "receipt", pdf(), "receipt.pdf")

    with pytest.raises(Exception, match="neither a PDF"):
        attach(dispute, "receipt", b"GIF89a", "receipt.pdf")

    assert StoredFile.objects.count() == 1
    assert dispute.case.evidence["receipt"] == StoredFile.objects.get().id
