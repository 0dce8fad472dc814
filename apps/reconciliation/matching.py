"""
The comparison, as sets in PostgreSQL: no row of a statement comes back into Python.

A statement is copied into a temporary table, resolved to our objects and journal entries while it
is inserted, and compared by day. What does not agree lands in the temporary table `found`, from
which exceptions are opened and closed. docs/reconciliation.md walks through it.
"""

from apps.ledger import chart
from apps.reconciliation.policies import CUTOFF_TOLERANCE_DAYS, FACT_KINDS
from apps.reconciliation.states import DiscrepancyKind, DiscrepancyStatus, LineKind

K = DiscrepancyKind

# Sorts and joins of a million lines stay in memory; the session is back to normal afterwards.
ENLARGE_MEMORY = "SET LOCAL work_mem = '256MB'"

# What is done for one key takes turns until the transaction ends.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))"

CREATE_STAGE = """
CREATE TEMPORARY TABLE staged_line (
    number integer, reference text COLLATE "C", kind text, object_reference text COLLATE "C",
    payment_reference text COLLATE "C", our_reference text COLLATE "C",
    payout_reference text COLLATE "C", currency text, gross bigint, fee bigint, net bigint,
    occurred_at timestamptz
) ON COMMIT DROP
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

# Our own reference, which the gateway kept for us, comes before the gateway's: it cannot be that of
# a neighbouring attempt. Money of a dispute is known by the gateway's movement.
_RESOLVED = f"""
SELECT line.*,
       coalesce(own_attempt.id, attempt.id, own_refund.id, refund.id, payout.id,
                dispute.source_id, '') AS subject_id,
       coalesce(key.entry_id, dispute.id, '') AS entry_id,
       CASE WHEN key.entry_id IS NULL AND dispute.id IS NULL THEN ''
            WHEN own_attempt.id IS NOT NULL OR own_refund.id IS NOT NULL THEN 'our_reference'
            WHEN attempt.id IS NOT NULL THEN 'payment_reference'
            ELSE 'object_reference' END AS rule
  FROM {{source}} line
  LEFT JOIN payments_paymentattempt own_attempt
    ON line.kind IN {_PAYMENT_KINDS} AND own_attempt.id = line.our_reference
   AND own_attempt.merchant_id = %(merchant)s AND own_attempt.livemode = %(livemode)s
   AND own_attempt.gateway = %(gateway)s
  LEFT JOIN payments_paymentattempt attempt
    ON line.kind IN {_PAYMENT_KINDS} AND own_attempt.id IS NULL
   AND attempt.gateway_reference = line.payment_reference AND attempt.gateway_reference <> ''
   AND attempt.merchant_id = %(merchant)s AND attempt.livemode = %(livemode)s
   AND attempt.gateway = %(gateway)s
  LEFT JOIN payments_refund own_refund
    ON line.kind IN {_REFUND_KINDS} AND own_refund.id = line.our_reference
   AND own_refund.merchant_id = %(merchant)s AND own_refund.livemode = %(livemode)s
  LEFT JOIN payments_refund refund
    ON line.kind IN {_REFUND_KINDS} AND own_refund.id IS NULL
   AND refund.gateway_reference = line.object_reference AND refund.gateway_reference <> ''
   AND refund.merchant_id = %(merchant)s AND refund.livemode = %(livemode)s
  LEFT JOIN payouts_payout payout
    ON line.kind IN {_PAYOUT_KINDS}
   AND payout.gateway_reference = line.object_reference AND payout.gateway_reference <> ''
   AND payout.merchant_id = %(merchant)s AND payout.livemode = %(livemode)s
   AND payout.gateway = %(gateway)s
  LEFT JOIN ledger_entrykey key
    ON key.source_type = CASE WHEN line.kind IN {_PAYMENT_KINDS} THEN 'payment_attempt'
                              WHEN line.kind IN {_REFUND_KINDS} THEN 'refund'
                              WHEN line.kind IN {_PAYOUT_KINDS} THEN 'payout' END
   AND key.source_id = coalesce(own_attempt.id, attempt.id, own_refund.id, refund.id, payout.id)
   AND (key.kind = {_FACT_KIND}
        OR key.kind = 'captured_in_conflict' AND line.kind IN {_PAYMENT_KINDS})
  LEFT JOIN (
       SELECT dispute_key.entry_id AS id, funds.id AS source_id, dispute_key.kind,
              funds.gateway_reference AS reference
         FROM disputes_disputefunds funds JOIN disputes_dispute disputed
           ON disputed.id = funds.dispute_id
         JOIN ledger_entrykey dispute_key
           ON dispute_key.source_type = 'dispute' AND dispute_key.source_id = funds.id
        WHERE funds.gateway_reference <> '' AND disputed.gateway = %(gateway)s
          AND disputed.merchant_id = %(merchant)s AND disputed.livemode = %(livemode)s) dispute
    ON line.kind IN {_DISPUTE_KINDS} AND line.our_reference <> ''
   AND dispute.reference = line.our_reference AND dispute.kind = {_FACT_KIND}
"""  # noqa: S608 - constants of this module

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
INSERT_LINES = f"""
INSERT INTO reconciliation_statementline (
       merchant_id, livemode, gateway, file_id, number, reference, kind, object_reference,
       payment_reference, our_reference, payout_reference, currency, gross, fee, net, occurred_at,
       day, is_duplicate, subject_id, entry_id, rule)
SELECT %(merchant)s, %(livemode)s, %(gateway)s, %(file)s, number, reference, kind,
       object_reference, payment_reference, our_reference, payout_reference, currency, gross, fee,
       net, occurred_at, (occurred_at AT TIME ZONE %(zone)s)::date, false, subject_id, entry_id,
       rule
  FROM ({_RESOLVED.format(source="staged_line")}) resolved
 WHERE NOT EXISTS (SELECT FROM taken_line WHERE taken_line.number = resolved.number)
"""  # noqa: S608

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

# Lines whose object we did not know when they came, or had not booked.
RESOLVE_AGAIN = f"""
UPDATE reconciliation_statementline line
   SET subject_id = resolved.subject_id, entry_id = resolved.entry_id, rule = resolved.rule
  FROM ({_RESOLVED.format(source="unmatched_line")}) resolved
 WHERE line.id = resolved.id AND resolved.subject_id <> ''
   AND (line.subject_id, line.entry_id) <> (resolved.subject_id, resolved.entry_id)
"""  # noqa: S608
CREATE_UNMATCHED = """
CREATE TEMPORARY TABLE unmatched_line ON COMMIT DROP AS
SELECT id, kind, object_reference, payment_reference, our_reference
  FROM reconciliation_statementline
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND entry_id = '' AND NOT is_duplicate
"""

CREATE_FOUND = """
CREATE TEMPORARY TABLE found (
    kind text, subject text, subject_id text, entry_id text, reference text, day date,
    currency text, ledger_amount bigint, statement_amount bigint
) ON COMMIT DROP
"""

# What the gateway says of every entry that the run looks at: those which the day reports, and those
# of open exceptions. All lines of an entry count, whatever their day; few have any on another day.
_REPORTED_COLUMNS = "entry_id, gross, fee, net, currency, day, subject_id, object_reference"
_LINES_OF_DAY = """
  FROM reconciliation_statementline
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND day = %(day)s AND entry_id <> '' AND NOT is_duplicate
"""
CREATE_REPORTED = f"""
CREATE TEMPORARY TABLE reported ON COMMIT DROP AS
SELECT entry_id, count(*) AS lines, sum(gross)::bigint AS gross, sum(fee)::bigint AS fee,
       sum(net)::bigint AS net, max(currency COLLATE "C") AS currency,
       min(currency COLLATE "C") <> max(currency COLLATE "C") AS is_mixed, max(day) AS day,
       max(subject_id) AS subject_id, max(object_reference) AS reference
  FROM (SELECT {_REPORTED_COLUMNS} {_LINES_OF_DAY}
         UNION ALL
        SELECT {_REPORTED_COLUMNS} FROM reconciliation_statementline
         WHERE NOT is_duplicate AND day <> %(day)s AND entry_id IN (
               SELECT entry_id {_LINES_OF_DAY}
                UNION ALL
               SELECT entry_id FROM reconciliation_discrepancy
                WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s
                  AND gateway = %(gateway)s AND status = '{DiscrepancyStatus.OPEN}'
                  AND entry_id <> '' AND kind <> '{K.MISSING_IN_REPORT}')) line
 GROUP BY entry_id
"""  # noqa: S608
# Grouped by the analysed table's column, whose number of values the planner knows.
ANALYZE_REPORTED = "ANALYZE reported (entry_id)"

# Of those, all but the ones that agree in everything: most of a day. Only what is left is looked at
# more closely, which takes several joins.
CREATE_SUSPECTS = f"""
CREATE TEMPORARY TABLE suspect ON COMMIT DROP AS
WITH account AS (
    SELECT id, currency, code = '{chart.GATEWAY_CLEARING}' AS is_clearing FROM ledger_account
     WHERE owner = %(gateway)s AND code IN ('{chart.GATEWAY_CLEARING}', '{chart.GATEWAY_FEES}',
                                            '{chart.DISPUTE_FEES}'))
SELECT * FROM reported WHERE entry_id IN (
    SELECT reported.entry_id
      FROM reported JOIN ledger_posting posting ON posting.entry_id = reported.entry_id
      JOIN account ON account.id = posting.account_id
     WHERE posting.layer = 'posted'
     GROUP BY reported.entry_id
    HAVING sum(posting.amount) FILTER (WHERE account.is_clearing)
           IS DISTINCT FROM max(reported.net)
        OR coalesce(sum(posting.amount) FILTER (WHERE NOT account.is_clearing), 0)
           <> max(reported.fee)
        OR bool_or(reported.is_mixed OR reported.currency <> account.currency)
     UNION ALL
    SELECT reported.entry_id
      FROM reported JOIN ledger_journalentry entry ON entry.id = reported.entry_id
     WHERE reported.day <> (entry.booked_at AT TIME ZONE %(zone)s)::date
     UNION ALL
    SELECT reported.entry_id FROM reported JOIN ledger_entrykey key
        ON key.source_id = reported.subject_id AND key.kind = 'fee_charged')
"""  # noqa: S608

# Entries whose two sides differ, and fees that the books do not know yet. One kind per entry: what
# weighs most comes first. A fee that was told later is an entry of its own beside the first.
CREATE_DIFFERENCES = f"""
CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
WITH later AS (
    SELECT suspect.entry_id, -sum(posting.amount)::bigint AS net,
           sum(posting.amount)::bigint AS fee
      FROM ledger_entrykey key JOIN suspect ON suspect.subject_id = key.source_id
      JOIN ledger_posting posting ON posting.entry_id = key.entry_id
      JOIN ledger_account account ON account.id = posting.account_id
     WHERE key.kind = 'fee_charged'
       AND account.code IN ('{chart.GATEWAY_FEES}', '{chart.DISPUTE_FEES}')
       AND key.source_type = CASE WHEN suspect.subject_id LIKE 're\\_%%' THEN 'refund'
                                  WHEN suspect.subject_id LIKE 'dpf\\_%%' THEN 'dispute'
                                  ELSE 'payment_attempt' END
     GROUP BY suspect.entry_id),
booked AS (
    SELECT suspect.entry_id, max(account.currency) AS currency, (sum(posting.amount)
             FILTER (WHERE account.code = '{chart.GATEWAY_CLEARING}'))::bigint AS net,
           coalesce(sum(posting.amount)
             FILTER (WHERE account.code <> '{chart.GATEWAY_CLEARING}'), 0)::bigint AS fee
      FROM suspect JOIN ledger_posting posting ON posting.entry_id = suspect.entry_id
      JOIN ledger_account account ON account.id = posting.account_id
     WHERE posting.layer = 'posted' AND account.owner = %(gateway)s
       AND account.code IN ('{chart.GATEWAY_CLEARING}', '{chart.GATEWAY_FEES}',
                            '{chart.DISPUTE_FEES}')
     GROUP BY suspect.entry_id),
side AS (
    SELECT suspect.*, suspect.is_mixed OR suspect.currency <> booked.currency AS is_other_money,
           booked.currency AS booked_currency, booked.net + booked.fee AS booked_gross,
           booked.fee + coalesce(later.fee, 0) AS booked_fee,
           booked.net + coalesce(later.net, 0) AS booked_net,
           -- What we book of a payout follows from the report, so it has no day of its own.
           CASE WHEN entry.source_type IN ('settlement', 'settlement_failed') THEN suspect.day
                ELSE (entry.booked_at AT TIME ZONE %(zone)s)::date END AS booked_on
      FROM suspect JOIN booked ON booked.entry_id = suspect.entry_id
      JOIN ledger_journalentry entry ON entry.id = suspect.entry_id
      LEFT JOIN later ON later.entry_id = suspect.entry_id),
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
SELECT count(*), count(*) FILTER (WHERE entry_id <> '' AND NOT is_duplicate
                                    AND entry_id NOT IN (SELECT found.entry_id FROM found))
  FROM reconciliation_statementline line
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND day = %(day)s
"""
# Of a settlement: what the lines that name it add up to, returned payouts which it pays again among
# them.
SUM_PAYOUT = f"""
SELECT count(*), coalesce(sum(net), 0) FROM reconciliation_statementline
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND payout_reference = %(reference)s AND payout_reference <> '' AND NOT is_duplicate
   AND kind <> '{LineKind.PAYOUT}'
"""  # noqa: S608
# What the gateway held for us when it paid out; not below zero after the payout (AC-67).
SUM_BALANCE = """
SELECT coalesce(sum(net), 0) FROM reconciliation_statementline
 WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND gateway = %(gateway)s
   AND currency = %(currency)s AND NOT is_duplicate
   AND (occurred_at, file_id, number) <= (%(at)s, %(file)s, %(number)s)
"""
# The same by kind of line, beside what the ledger booked for those lines: their entries, of which
# several lines may share one, fees that were told later, and what a person has corrected since.
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
