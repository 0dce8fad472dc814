"""Statuses of disputes. The arrows between them are on the model."""

from django.db.models import TextChoices


class DisputeStatus(TextChoices):
    """
    Stripe's names, and three of ours.

    `accepted`: we gave up; `expired`: nobody answered in time; `prevented`: settled before it
    counted. `opened` lasts only while a row is made.
    """

    OPENED = "opened"
    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    PREVENTED = "prevented"


class DisputeStage(TextChoices):
    """How far a dispute has gone; an inquiry moves no money."""

    INQUIRY = "inquiry"
    CHARGEBACK = "chargeback"
    PRE_ARBITRATION = "pre_arbitration"
    ARBITRATION = "arbitration"


class FundsKind(TextChoices):
    """What of a dispute was booked."""

    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    LOST = "lost"
    LOSS_RETURNED = "loss_returned"


class FilePurpose(TextChoices):
    """What a file is for: Stripe's word for an upload, and ours for what was sent."""

    DISPUTE_EVIDENCE = "dispute_evidence"
    DISPUTE_PACKET = "dispute_packet"


S = DisputeStatus

# A person can still answer.
ANSWERABLE = frozenset({S.WARNING_NEEDS_RESPONSE, S.NEEDS_RESPONSE})
INQUIRIES = frozenset({S.WARNING_NEEDS_RESPONSE, S.WARNING_UNDER_REVIEW})
OPEN_CHARGEBACKS = frozenset({S.NEEDS_RESPONSE, S.UNDER_REVIEW})
OPEN = INQUIRIES | OPEN_CHARGEBACKS
# The money stays with the payer.
GIVEN_UP = frozenset({S.LOST, S.ACCEPTED, S.EXPIRED, S.PREVENTED})
