"""The packet: everything that answers a dispute as one PDF, frozen as it was sent."""

import hashlib
from io import BytesIO

import pytest
from django.utils import timezone
from pypdf import PdfReader

from apps.common.errors import ResourceMissing
from apps.disputes.errors import PacketTooLarge
from apps.disputes.models import Dispute, StoredFile, Submission
from apps.disputes.services import packet as packets
from apps.disputes.services.evidence import attach_file, save_evidence, submit_evidence
from apps.disputes.services.packet import build_packet
from tests.disputes.stories import PERSON, paid, tell
from tests.disputes.test_files import image, pdf
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

    read = PdfReader(BytesIO(build_packet(dispute, case.evidence, now=timezone.now())))

    text = "".join(page.extract_text() for page in read.pages)
    for told in ("Receipt", "10.00 EUR", "Customer's name", "mail.pdf", photo.sha256[:16]):
        assert told in text
    assert mail.sha256[:16] in text
    # The two pages of the uploaded PDF come last.
    assert [float(page.mediabox.width) for page in read.pages[-2:]] == [200, 200]


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
