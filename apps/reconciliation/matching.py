"""
The comparison, as sets in PostgreSQL: no row of a statement comes back into Python.

A statement is copied into a temporary table, resolved to our objects and journal entries while it
is inserted, and compared by day. What does not agree lands in the temporary table `found`, from
which exceptions are opened and closed. docs/reconciliation.md walks through it.
"""

from dataclasses import dataclass

from apps.ledger import chart
from apps.reconciliation.policies import CUTOFF_TOLERANCE_DAYS, FACT_KINDS
from apps.reconciliation.states import DiscrepancyKind, DiscrepancyStatus, LineKind

K = DiscrepancyKind

# Sorts and joins of a million lines stay in memory; the session is back to normal afterwards.
ENLARGE_MEMORY = "SET LOCAL work_mem = '256MB'"
# Nearly every line is a group of its own: helpers would group them, and then one process again.
GROUP_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
GROUP_WITH_HELP = "SET LOCAL max_parallel_workers_per_gather TO DEFAULT"

# What is done for one key takes turns until the transaction ends.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))"

CREATE_STAGE = """
CREATE TEMPORARY TABLE staged_line ON COMMIT DROP AS
SELECT number, reference, kind, object_reference, payment_reference, our_reference,
       payout_reference, currency, gross, fee, net, occurred_at
  FROM reconciliation_statementline WITH NO DATA
"""
COPY_STAGE = "COPY staged_line FROM STDIN"
ANALYZE_STAGE = "ANALYZE staged_line"
# Of the lines only what joins and conditions ask about.
ANALYZE_LINES = (
    "ANALYZE reconciliation_statementline"
    " (merchant_id, livemode, gateway, day, entry_id, payout_reference, is_duplicate)"
)

_PAYMENT_KINDS = f"('{LineKind.CHARGE}', '{LineKind.CAPTURE_RELEASE}')"
_REFUND_KINDS = f"('{LineKind.REFUND}', '{LineKind.REFUND_FAILURE}')"
_PAYOUT_KINDS = f"('{LineKind.PAYOUT}', '{LineKind.PAYOUT_FAILURE}')"
_DISPUTE_KINDS = f"('{LineKind.DISPUTE}', '{LineKind.DISPUTE_REVERSAL}')"
_FACT_KIND = (
    "CASE line.kind "
    + " ".join(f"WHEN '{kind}' THEN '{fact}'" for kind, fact in FACT_KINDS.items())
    + " END"
)
_FUNDS = """(
    SELECT funds.id, funds.gateway_reference, dispute.gateway, dispute.merchant_id, dispute.livemode
      FROM disputes_disputefunds funds JOIN disputes_dispute dispute
        ON dispute.id = funds.dispute_id)"""


@dataclass(frozen=True, kw_only=True)
class _Objects:
    """Objects of ours that lines of some kinds are about, and how the books call them."""

    kinds: str
    table: str
    source_type: str
    facts: str = f"= {_FACT_KIND}"
    # Each gateway account has names of its own for these.
    is_of_gateway: bool = True

    def select(self, matched: str, *, rule: str, join: str = "JOIN", booked: str = "LEFT") -> str:
        """Return SQL which resolves the lines of `{source}` whose object is `matched`."""
        gateway = "AND object.gateway = %(gateway)s" if self.is_of_gateway else ""
        return f"""
        SELECT line.*, coalesce(object.id, '') AS subject_id,
               coalesce(key.entry_id, '') AS entry_id,
               CASE WHEN key.entry_id IS NULL THEN '' ELSE '{rule}' END AS rule
          FROM {{source}} line {join} {self.table} object
            ON {matched} {gateway}
           AND object.merchant_id = %(merchant)s AND object.livemode = %(livemode)s
          {booked} JOIN ledger_entrykey key
            ON key.source_type = '{self.source_type}' AND key.source_id = object.id
           AND key.kind {self.facts}
         WHERE line.kind IN {self.kinds}
        """  # noqa: S608 - constants of this module


_PAYMENTS = _Objects(
    kinds=_PAYMENT_KINDS,
    table="payments_paymentattempt",
    source_type="payment_attempt",
    facts="IN ('captured', 'captured_in_conflict')",
)
_REFUNDS = _Objects(
    kinds=_REFUND_KINDS, table="payments_refund", source_type="refund", is_of_gateway=False
)
_PAYOUTS = _Objects(kinds=_PAYOUT_KINDS, table="payouts_payout", source_type="payout")
_DISPUTES = _Objects(kinds=_DISPUTE_KINDS, table=_FUNDS, source_type="dispute")

# Our own reference, which the gateway kept for us, comes before the gateway's: it cannot be that of
# a neighbouring attempt. Money of a dispute is known by the gateway's movement, which its lines
# carry in the same place.
_BY_OUR_REFERENCE = " UNION ALL ".join(
    (
        _PAYMENTS.select("object.id = line.our_reference", rule="our_reference"),
        _REFUNDS.select("object.id = line.our_reference", rule="our_reference"),
        _DISPUTES.select(
            "object.gateway_reference = line.our_reference AND line.our_reference <> ''",
            rule="object_reference",
            booked="INNER",
        ),
    )
)
# All that are left, whether their object is found by the gateway's reference or not.
_OBJECT_REFERENCE = (
    "object.gateway_reference = line.object_reference AND object.gateway_reference <> ''"
)
_BY_GATEWAY_REFERENCE = " UNION ALL ".join(
    (
        _PAYMENTS.select(
            "object.gateway_reference = line.payment_reference AND object.gateway_reference <> ''",
            rule="payment_reference",
            join="LEFT JOIN",
        ),
        _REFUNDS.select(_OBJECT_REFERENCE, rule="object_reference", join="LEFT JOIN"),
        _PAYOUTS.select(_OBJECT_REFERENCE, rule="object_reference", join="LEFT JOIN"),
        f"""
        SELECT line.*, '', '', '' FROM {{source}} line
         WHERE line.kind NOT IN {_PAYMENT_KINDS} AND line.kind NOT IN {_REFUND_KINDS}
           AND line.kind NOT IN {_PAYOUT_KINDS}
        """,  # noqa: S608
    )
)

# Rows that are not the first of their reference, in earlier files or in this one. Looked up before,
# which costs half of what a conflict clause costs on every insert; imports of one account take
# turns, and the unique index stands behind.
CREATE_TAKEN = """
CREATE TEMPORARY TABLE taken_line ON COMMIT DROP AS
SELECT staged.number FROM staged_line staged JOIN reconciliation_statementline known
    ON known.reference = staged.reference AND known.gateway = %(gateway)s
   AND known.merchant_id = %(merchant)s AND known.livemode = %(livemode)s
   AND NOT known.is_duplicate
 UNION ALL
SELECT staged.number
  FROM (SELECT reference, min(number) AS first FROM staged_line
         GROUP BY reference HAVING count(*) > 1) twice
  JOIN staged_line staged ON staged.reference = twice.reference AND staged.number <> twice.first
"""
_INSERT = """
INSERT INTO reconciliation_statementline (
       merchant_id, livemode, gateway, file_id, number, reference, kind, object_reference,
       payment_reference, our_reference, payout_reference, currency, gross, fee, net, occurred_at,
       day, is_duplicate, subject_id, entry_id, rule)
SELECT %(merchant)s, %(livemode)s, %(gateway)s, %(file)s, number, reference, kind,
       object_reference, payment_reference, our_reference, payout_reference, currency, gross, fee,
       net, occurred_at, (occurred_at AT TIME ZONE %(zone)s)::date, false, subject_id, entry_id,
       rule
  FROM ({resolved}) resolved
"""
_FRESH = """(
    SELECT * FROM staged_line
     WHERE NOT EXISTS (SELECT FROM taken_line WHERE taken_line.number = staged_line.number))"""
# Lines that were found by our reference are taken, too: the others come after them.
INSERT_BY_OUR_REFERENCE = f"""
WITH inserted AS (
    {_INSERT.format(resolved=_BY_OUR_REFERENCE.format(source=_FRESH))} RETURNING number)
INSERT INTO taken_line SELECT number FROM inserted
"""  # noqa: S608
# Few lines of a kind may have to be looked up among many that are taken.
INDEX_TAKEN = "CREATE INDEX ON taken_line (number)"
ANALYZE_TAKEN = "ANALYZE taken_line"
INSERT_OTHERS = _INSERT.format(resolved=_BY_GATEWAY_REFERENCE.format(source=_FRESH))

# Rows whose reference is taken already: the same row of an overlapping report is known, anything
# else is for a person to look at (AC-64).
INSERT_DUPLICATES = """
WITH left_out AS MATERIALIZED (
    SELECT staged.*, known.file_id = %(file)s
           OR (known.kind, known.object_reference, known.currency, known.gross, known.fee)
              IS DISTINCT FROM
              (staged.kind, staged.object_reference, staged.currency, staged.gross, staged.fee)
           AS is_suspect
      FROM staged_line staged JOIN reconciliation_statementline known
        ON known.reference = staged.reference AND known.gateway = %(gateway)s
       AND known.merchant_id = %(merchant)s AND known.livemode = %(livemode)s
       AND NOT known.is_duplicate
     WHERE (known.file_id, known.number) <> (%(file)s, staged.number)),
duplicate AS (
    INSERT INTO reconciliation_statementline (
           merchant_id, livemode, gateway, file_id, number, reference, kind, object_reference,
           payment_reference, our_reference, payout_reference, currency, gross, fee, net,
           occurred_at, day, is_duplicate, subject_id, entry_id, rule)
    SELECT %(merchant)s, %(livemode)s, %(gateway)s, %(file)s, number, reference, kind,
           object_reference, payment_reference, our_reference, payout_reference, currency, gross,
           fee, net, occurred_at, (occurred_at AT TIME ZONE %(zone)s)::date, true, '', '', ''
      FROM left_out WHERE is_suspect
    RETURNING 1)
SELECT (SELECT count(*) FROM duplicate), (SELECT count(*) FROM left_out WHERE NOT is_suspect)
"""

# What lines were before the gateway exchanged them; added afterwards, since few reports have any.
NOTE_EXCHANGED = """
UPDATE reconciliation_statementline line
   SET paid_amount = told.amount, paid_currency = told.currency
  FROM unnest(%(references)s::text[], %(amounts)s::bigint[], %(currencies)s::text[])
       AS told (reference, amount, currency)
 WHERE line.reference = told.reference AND line.gateway = %(gateway)s
   AND line.merchant_id = %(merchant)s AND line.livemode = %(livemode)s
   AND NOT line.is_duplicate AND line.file_id = %(file)s
"""

# Lines whose object we did not know when they came, or had not booked.
CREATE_UNMATCHED = """
CREATE TEMPORARY TABLE unmatched_line ON COMMIT DROP AS
SELECT id, kind, object_reference, payment_reference, our_reference
  FROM reconciliation_statementline
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND entry_id = '' AND NOT is_duplicate
"""
_RESOLVE = """
UPDATE reconciliation_statementline line
   SET subject_id = resolved.subject_id, entry_id = resolved.entry_id, rule = resolved.rule
  FROM {resolved} resolved
 WHERE line.id = resolved.id AND resolved.subject_id <> ''
   AND (line.subject_id, line.entry_id) <> (resolved.subject_id, resolved.entry_id)
"""
RESOLVE_BY_OUR_REFERENCE = f"""
WITH found_line AS MATERIALIZED ({_BY_OUR_REFERENCE.format(source="unmatched_line")}),
updated AS ({_RESOLVE.format(resolved="found_line")})
DELETE FROM unmatched_line USING found_line WHERE unmatched_line.id = found_line.id
"""  # noqa: S608
RESOLVE_OTHERS = _RESOLVE.format(
    resolved=f"({_BY_GATEWAY_REFERENCE.format(source='unmatched_line')})"
)

CREATE_FOUND = """
CREATE TEMPORARY TABLE found (
    kind text, subject text, subject_id text, entry_id text, reference text, day date,
    currency text, ledger_amount bigint, statement_amount bigint
) ON COMMIT DROP
"""

# The entries to be looked at more closely: all that the day reports but those that agree in
# everything, which most do, and those of open exceptions. Agreeing are entries of the same day (an
# entry's id begins with its moment) which the gateway's accounts have the same amounts of, in the
# same currency. In doubt are also entries with lines on other days, and those with a fee that was
# told later.
_LINES_OF_DAY = """
  FROM reconciliation_statementline
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND day = %(day)s AND entry_id <> '' AND NOT is_duplicate
"""
GATEWAY_ACCOUNTS = f"""
SELECT coalesce(array_agg(id) FILTER (WHERE code = '{chart.GATEWAY_CLEARING}'), '{{}}'),
       coalesce(array_agg(id) FILTER (WHERE code <> '{chart.GATEWAY_CLEARING}'), '{{}}')
  FROM ledger_account
 WHERE owner = %(gateway)s AND code IN ('{chart.GATEWAY_CLEARING}', '{chart.GATEWAY_FEES}',
                                        '{chart.DISPUTE_FEES}')
"""  # noqa: S608
CREATE_SUSPECTS = f"""
CREATE TEMPORARY TABLE suspect ON COMMIT DROP AS
SELECT entry_id
  FROM (SELECT entry_id, currency, net, fee, true AS is_line {_LINES_OF_DAY}
         UNION ALL
        SELECT entry_id, currency,
               CASE WHEN account_id = ANY (%(clearing)s) THEN -amount ELSE 0 END,
               CASE WHEN account_id = ANY (%(fees)s) THEN -amount ELSE 0 END, false
          FROM ledger_posting
         WHERE layer = 'posted' AND account_id = ANY (%(clearing)s || %(fees)s)
           AND entry_id >= %(first_id)s AND entry_id < %(end_id)s) side
 GROUP BY entry_id, currency
HAVING bool_or(is_line) AND (bool_and(is_line) OR sum(net) <> 0 OR sum(fee) <> 0)
 UNION ALL
SELECT entry_id {_LINES_OF_DAY} AND NOT (entry_id >= %(first_id)s AND entry_id < %(end_id)s)
 UNION ALL
SELECT entry_id FROM reconciliation_statementline
 WHERE NOT is_duplicate AND day <> %(day)s AND entry_id IN (SELECT entry_id {_LINES_OF_DAY})
 UNION ALL
SELECT line.entry_id FROM reconciliation_statementline line JOIN ledger_entrykey key
    ON key.source_id = line.subject_id AND key.kind = 'fee_charged'
 WHERE line.merchant_id = %(merchant)s AND line.livemode = %(livemode)s
   AND line.gateway = %(gateway)s AND line.day = %(day)s AND line.entry_id <> ''
 UNION ALL
SELECT entry_id FROM reconciliation_discrepancy
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND status = '{DiscrepancyStatus.OPEN}' AND entry_id <> ''
   AND kind <> '{K.MISSING_IN_REPORT}'
"""  # noqa: S608
ANALYZE_SUSPECTS = "ANALYZE suspect"

# What the gateway says of those. All lines of an entry count, whatever their day.
CREATE_REPORTED = """
CREATE TEMPORARY TABLE reported ON COMMIT DROP AS
SELECT entry_id, count(*) AS lines, sum(gross)::bigint AS gross, sum(fee)::bigint AS fee,
       sum(net)::bigint AS net, max(currency COLLATE "C") AS currency,
       min(currency COLLATE "C") <> max(currency COLLATE "C") AS is_mixed, max(day) AS day,
       max(subject_id) AS subject_id, max(object_reference) AS reference
  FROM reconciliation_statementline
 WHERE NOT is_duplicate AND entry_id IN (SELECT entry_id FROM suspect)
 GROUP BY entry_id
"""

# Entries whose two sides differ, and fees that the books do not know yet. One kind per entry: what
# weighs most comes first. A fee that was told later is an entry of its own beside the first.
CREATE_DIFFERENCES = f"""
CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
WITH later AS (
    SELECT reported.entry_id, -sum(posting.amount)::bigint AS net,
           sum(posting.amount)::bigint AS fee
      FROM ledger_entrykey key JOIN reported ON reported.subject_id = key.source_id
      JOIN ledger_posting posting ON posting.entry_id = key.entry_id
      JOIN ledger_account account ON account.id = posting.account_id
     WHERE key.kind = 'fee_charged'
       AND account.code IN ('{chart.GATEWAY_FEES}', '{chart.DISPUTE_FEES}')
       AND key.source_type = CASE WHEN reported.subject_id LIKE 're\\_%%' THEN 'refund'
                                  WHEN reported.subject_id LIKE 'dpf\\_%%' THEN 'dispute'
                                  ELSE 'payment_attempt' END
     GROUP BY reported.entry_id),
booked AS (
    SELECT reported.entry_id, max(account.currency) AS currency, (sum(posting.amount)
             FILTER (WHERE account.code = '{chart.GATEWAY_CLEARING}'))::bigint AS net,
           coalesce(sum(posting.amount)
             FILTER (WHERE account.code <> '{chart.GATEWAY_CLEARING}'), 0)::bigint AS fee
      FROM reported JOIN ledger_posting posting ON posting.entry_id = reported.entry_id
      JOIN ledger_account account ON account.id = posting.account_id
     WHERE posting.layer = 'posted' AND account.owner = %(gateway)s
       AND account.code IN ('{chart.GATEWAY_CLEARING}', '{chart.GATEWAY_FEES}',
                            '{chart.DISPUTE_FEES}')
     GROUP BY reported.entry_id),
side AS (
    SELECT reported.*, reported.is_mixed OR reported.currency <> booked.currency AS is_other_money,
           booked.currency AS booked_currency, booked.net + booked.fee AS booked_gross,
           booked.fee + coalesce(later.fee, 0) AS booked_fee,
           booked.net + coalesce(later.net, 0) AS booked_net,
           -- What we book of a payout follows from the report, so it has no day of its own.
           CASE WHEN entry.source_type IN ('settlement', 'settlement_failed') THEN reported.day
                ELSE (entry.booked_at AT TIME ZONE %(zone)s)::date END AS booked_on
      FROM reported JOIN booked ON booked.entry_id = reported.entry_id
      JOIN ledger_journalentry entry ON entry.id = reported.entry_id
      LEFT JOIN later ON later.entry_id = reported.entry_id),
judged AS (
    SELECT *, CASE
            WHEN is_other_money THEN '{K.CURRENCY_MISMATCH}'
            WHEN gross <> booked_gross AND lines > 1 THEN '{K.SPLIT_MISMATCH}'
            WHEN abs(gross) > abs(booked_gross) THEN '{K.AMOUNT_OVER}'
            WHEN gross <> booked_gross THEN '{K.AMOUNT_UNDER}'
            WHEN fee <> booked_fee AND booked_fee <> 0 THEN '{K.FEE_MISMATCH}'
            WHEN abs(day - booked_on) > {CUTOFF_TOLERANCE_DAYS}
              OR date_trunc('month', day) <> date_trunc('month', booked_on)
            THEN '{K.DATE_CUTOFF}' END AS kind,
           booked_fee = 0 AND fee > 0 AND gross = booked_gross AND NOT is_other_money
              AND subject_id LIKE ANY (ARRAY['att\\_%%', 're\\_%%', 'dpf\\_%%']) AS is_fee_new
      FROM side)
SELECT entry_id, subject_id, reference, day, booked_currency AS currency, booked_net, net, fee,
       kind, is_fee_new
  FROM judged WHERE kind IS NOT NULL OR is_fee_new
"""  # noqa: S608

FIND_DIFFERENCES = """
INSERT INTO found
SELECT kind, entry_id, subject_id, entry_id, reference, day, currency, booked_net, net
  FROM difference WHERE kind IS NOT NULL
"""

# A fee which the books do not know yet is no mismatch; it is booked.
LATE_FEES = "SELECT subject_id, fee, currency FROM difference WHERE is_fee_new"

# Lines that no entry of ours explains. Payouts to our own bank are settlements, not exceptions.
FIND_UNKNOWN_LINES = f"""
INSERT INTO found
SELECT CASE WHEN line.subject_id <> '' THEN '{K.STATUS_MISMATCH}'
            ELSE '{K.MISSING_IN_LEDGER}' END,
       'line:' || line.id, line.subject_id, '', line.object_reference, line.day, line.currency,
       NULL, line.net
  FROM reconciliation_statementline line
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND line.entry_id = '' AND NOT line.is_duplicate AND line.day <= %(day)s
   AND NOT (line.kind IN {_PAYOUT_KINDS} AND line.subject_id = '')
"""  # noqa: S608

FIND_DUPLICATES = f"""
INSERT INTO found
SELECT '{K.DUPLICATE_LINE}', 'line:' || line.id, '', '', line.reference, line.day, line.currency,
       NULL, line.net
  FROM reconciliation_statementline line
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND line.entry_id = '' AND line.is_duplicate AND line.day <= %(day)s
"""  # noqa: S608

# Facts of the ledger without a line. `first_id` and `end_id` bound the entries by time.
_UNREPORTED = f"""
  FROM ledger_journalentry entry JOIN ledger_posting posting ON posting.entry_id = entry.id
  JOIN ledger_account account ON account.id = posting.account_id
 WHERE entry.merchant_id = %(merchant)s AND entry.livemode = %(livemode)s
   AND entry.id >= %(first_id)s AND entry.id < %(end_id)s AND entry.kind = ANY (%(kinds)s)
   AND posting.entry_id >= %(first_id)s AND posting.entry_id < %(end_id)s
   AND posting.layer = 'posted' AND account.code = '{chart.GATEWAY_CLEARING}'
   AND account.owner = %(gateway)s
   AND NOT EXISTS (SELECT FROM reconciliation_statementline line WHERE line.entry_id = entry.id)
"""
FIND_UNREPORTED = f"""
INSERT INTO found
SELECT '{K.MISSING_IN_REPORT}', entry.id, entry.source_id, entry.id, entry.source_id,
       (entry.booked_at AT TIME ZONE %(zone)s)::date, posting.currency, posting.amount, NULL
  {_UNREPORTED}
"""
COUNT_EXPECTED = f"SELECT count(*) {_UNREPORTED}"
# What is open stays open until it is reported, however old it is.
FIND_STILL_UNREPORTED = f"""
INSERT INTO found
SELECT kind, subject, subject_id, entry_id, reference, day, currency, ledger_amount, NULL
  FROM reconciliation_discrepancy standing
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND status = '{DiscrepancyStatus.OPEN}' AND kind = '{K.MISSING_IN_REPORT}'
   AND NOT EXISTS (SELECT FROM found WHERE found.subject = standing.subject)
   AND NOT EXISTS (SELECT FROM reconciliation_statementline line
                    WHERE line.entry_id = standing.entry_id)
"""  # noqa: S608

# What a person has decided stays decided; what closed by itself opens again.
SELECT_TO_OPEN = f"""
SELECT found.*, standing.id FROM found LEFT JOIN reconciliation_discrepancy standing
    ON standing.merchant_id = %(merchant)s AND standing.livemode = %(livemode)s
   AND standing.gateway = %(gateway)s AND standing.subject = found.subject
   AND standing.kind = found.kind
 WHERE standing.id IS NULL
    OR standing.status = '{DiscrepancyStatus.RESOLVED}' AND standing.resolved_by = 'clock'
 LIMIT %(limit)s
"""  # noqa: S608
SELECT_TO_CLOSE = f"""
SELECT standing.id FROM reconciliation_discrepancy standing
 WHERE standing.merchant_id = %(merchant)s AND standing.livemode = %(livemode)s
   AND standing.gateway = %(gateway)s AND standing.status = '{DiscrepancyStatus.OPEN}'
   AND standing.day <= %(day)s
   AND NOT EXISTS (SELECT FROM found WHERE found.subject = standing.subject
                      AND found.kind = standing.kind)
 ORDER BY standing.id LIMIT %(limit)s
"""  # noqa: S608

# How many lines the day has, and how many of them agree in every respect.
COUNT_DAY = """
SELECT count(*), count(*) FILTER (WHERE rule <> '' AND NOT is_duplicate AND (entry_id = ''
                                    OR entry_id NOT IN (SELECT found.entry_id FROM found)))
  FROM reconciliation_statementline line
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND day = %(day)s
"""
# Of a settlement: what the lines that name it add up to by kind, returned payouts which it pays
# again among them, beside what the ledger booked for those lines: their entries, of which several
# lines may share one, fees that were told later, and what a person has corrected since.
SPLIT_PAYOUT = f"""
WITH line AS (
    SELECT CASE WHEN entry_id = '' THEN 'line:' || id ELSE entry_id END AS subject,
           min(kind) AS kind, max(subject_id) AS subject_id, count(*) AS lines,
           sum(gross) AS gross, sum(fee) AS fee, sum(net) AS net
      FROM reconciliation_statementline
     WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
       AND payout_reference = %(reference)s AND payout_reference <> '' AND NOT is_duplicate
       AND kind <> '{LineKind.PAYOUT}'
     GROUP BY 1),
part AS (
    SELECT subject, subject AS entry_id FROM line
     UNION ALL
    SELECT line.subject, key.entry_id FROM line JOIN ledger_entrykey key
        ON key.source_id = line.subject_id AND key.kind = 'fee_charged'
     UNION ALL
    SELECT line.subject, ended.resolution_entry_id
      FROM line JOIN reconciliation_discrepancy ended ON ended.subject = line.subject
     WHERE ended.merchant_id = %(merchant)s AND ended.livemode = %(livemode)s
       AND ended.gateway = %(gateway)s AND ended.resolution_entry_id <> ''),
booked AS (
    SELECT part.subject, sum(posting.amount) AS net
      FROM part JOIN ledger_posting posting ON posting.entry_id = part.entry_id
      JOIN ledger_account account ON account.id = posting.account_id
     WHERE posting.layer = 'posted' AND account.owner = %(gateway)s
       AND account.code = '{chart.GATEWAY_CLEARING}'
     GROUP BY part.subject)
SELECT line.kind, sum(lines), sum(gross), sum(fee), sum(line.net), coalesce(sum(booked.net), 0)
  FROM line LEFT JOIN booked ON booked.subject = line.subject
 GROUP BY line.kind ORDER BY line.kind
"""  # noqa: S608
# What is booked for the lines of each of many payouts: the same question, asked of all at once.
_SPLIT_EACH = SPLIT_PAYOUT.replace("%(gateway)s", "payout.gateway").replace(
    "%(reference)s", "payout.reference"
)
SUM_BOOKED = f"""
SELECT payout.id, sum(split.booked)
  FROM reconciliation_settlement payout
 CROSS JOIN LATERAL ({_SPLIT_EACH}) AS split (kind, lines, gross, fee, net, booked)
 WHERE payout.merchant_id = %(merchant)s AND payout.livemode = %(livemode)s
   AND payout.id = ANY (%(ids)s)
 GROUP BY payout.id
"""  # noqa: S608
