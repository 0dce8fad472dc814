"""What a statement can hold, and where its objects stand."""

from django.db.models import TextChoices


class StatementFormat(TextChoices):
    STRIPE = "stripe", "Stripe itemised balance report"
    ADYEN = "adyen", "Adyen settlement detail report"
    CAMT053 = "camt053", "Bank statement, camt.053"
    BANK_CSV = "bank_csv", "Bank statement, CSV"


class ReportState(TextChoices):
    """Whether a gateway's report of a day could be fetched."""

    FETCHED = "fetched", "Fetched"
    WAITING = "waiting", "Not there yet"


BANK_FORMATS = frozenset({StatementFormat.CAMT053, StatementFormat.BANK_CSV})


class LineKind(TextChoices):
    """What a line of a gateway's report is about, whatever the gateway calls it."""

    CHARGE = "charge"
    # What a partial capture let go of: Stripe reports the whole charge and takes the rest back.
    CAPTURE_RELEASE = "capture_release"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    PAYOUT = "payout"
    PAYOUT_FAILURE = "payout_failure"
    FEE = "fee"
    OTHER = "other"


class DiscrepancyKind(TextChoices):
    MISSING_IN_LEDGER = "missing_in_ledger", "Only the gateway has it"
    MISSING_IN_REPORT = "missing_in_report", "Only the ledger has it"
    AMOUNT_OVER = "amount_over", "The gateway moved more"
    AMOUNT_UNDER = "amount_under", "The gateway moved less"
    SPLIT_MISMATCH = "split_mismatch", "The parts do not make the whole"
    CURRENCY_MISMATCH = "currency_mismatch", "Another currency"
    STATUS_MISMATCH = "status_mismatch", "Moved at the gateway, not so here"
    FEE_MISMATCH = "fee_mismatch", "Another fee"
    DATE_CUTOFF = "date_cutoff", "Another day, past the tolerance"
    DUPLICATE_LINE = "duplicate_line", "The same line twice"
    PAYOUT_MISMATCH = "payout_mismatch", "A payout is not the sum of its lines"
    PAYOUT_FAILED = "payout_failed", "A payout came back"
    BANK_MISMATCH = "bank_mismatch", "The bank received another amount"
    BANK_MISSING = "bank_missing", "The bank has not received a payout"
    BANK_UNEXPLAINED = "bank_unexplained", "The bank received what nobody announced"


class DiscrepancyStatus(TextChoices):
    OPEN = "open"
    RESOLVED = "resolved"
    WRITTEN_OFF = "written_off"
    IGNORED = "ignored"


class SettlementStatus(TextChoices):
    """How far a gateway's payout to our bank has come."""

    ANNOUNCED = "announced"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    FAILED = "failed"
