"""
The laws of the books, kept by PostgreSQL for everybody who writes, raw SQL included.

Both guards are statement-level triggers: they see all rows of a statement at once, so an entry
with all its legs has to come in one statement. They answer one question with one query; only when
the answer is no do they look again for the culprit.
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only

# Balances are projected in the order of account and shard, the same for everybody, so two writers
# wait for each other but never deadlock. A connection keeps to one shard of each hot account.
# The checks come after the projection: by then the balance rows are locked, so what they read of
# floors and closed accounts cannot change any more.
# Entries are looked up between two bounds, because PostgreSQL then opens their partition only; and
# with a generic plan, because planning anew for each pair of bounds costs more than all the rest.
GUARD_POSTINGS = """
CREATE FUNCTION ledger_guard_postings() RETURNS trigger LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    lowest text;
    highest text;
    is_fine boolean;
    has_floor boolean;
    culprit record;
BEGIN
    SELECT min(entry_id), max(entry_id) INTO lowest, highest FROM new_postings;
    IF lowest IS NULL THEN
        RETURN NULL;
    END IF;

    INSERT INTO ledger_balance AS balance (account_id, shard, debit_posted, credit_posted,
                                           debit_pending, credit_pending, version)
    SELECT account.id, pg_backend_pid() & (account.shards - 1),
           coalesce(sum(amount) FILTER (WHERE layer = 'posted' AND amount > 0), 0),
           coalesce(-sum(amount) FILTER (WHERE layer = 'posted' AND amount < 0), 0),
           coalesce(sum(amount) FILTER (WHERE layer = 'pending' AND amount > 0), 0),
           coalesce(-sum(amount) FILTER (WHERE layer = 'pending' AND amount < 0), 0),
           1
      FROM new_postings
      JOIN ledger_account account ON account.id = account_id
     GROUP BY account.id
     ORDER BY account.id
        ON CONFLICT (account_id, shard) DO UPDATE
       SET debit_posted = balance.debit_posted + EXCLUDED.debit_posted,
           credit_posted = balance.credit_posted + EXCLUDED.credit_posted,
           debit_pending = balance.debit_pending + EXCLUDED.debit_pending,
           credit_pending = balance.credit_pending + EXCLUDED.credit_pending,
           version = balance.version + 1;

    SELECT bool_and(entry_is_fine), bool_or(entry_has_floor) INTO is_fine, has_floor
      FROM (SELECT bool_and(total = 0 AND legs_are_fine) AND sum(legs) >= 2
                   AND min(first_leg) = 1 AND max(last_leg) = sum(legs) AS entry_is_fine,
                   bool_or(group_has_floor) AS entry_has_floor
              FROM (SELECT posting.entry_id, sum(posting.amount) AS total, count(*) AS legs,
                           min(posting.leg) AS first_leg, max(posting.leg) AS last_leg,
                           bool_and(coalesce(account.currency = posting.currency
                                             AND account.merchant_id = entry.merchant_id
                                             AND account.livemode = entry.livemode
                                             AND account.closed_at IS NULL, false)
                                   ) AS legs_are_fine,
                           bool_or(account.floor IS NOT NULL) AS group_has_floor
                      FROM new_postings posting
                      LEFT JOIN ledger_account account ON account.id = posting.account_id
                      LEFT JOIN ledger_journalentry entry
                             ON entry.id = posting.entry_id
                            AND entry.id >= lowest AND entry.id <= highest
                     GROUP BY posting.entry_id, posting.currency, posting.layer) sums
             GROUP BY entry_id) entries;

    IF NOT is_fine THEN
        SELECT entry_id, currency, layer, sum(amount) AS total INTO culprit
          FROM new_postings GROUP BY entry_id, currency, layer HAVING sum(amount) <> 0
         ORDER BY entry_id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % does not balance: % % too much in layer %',
                culprit.entry_id, culprit.total, culprit.currency, culprit.layer
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balanced';
        END IF;
        SELECT entry_id, count(*) AS legs INTO culprit
          FROM new_postings GROUP BY entry_id
        HAVING count(*) < 2 OR min(leg) <> 1 OR max(leg) <> count(*)
         ORDER BY entry_id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % is not complete with these % legs',
                culprit.entry_id, culprit.legs
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_complete';
        END IF;
        SELECT posting.entry_id, posting.leg, account.id, account.code INTO culprit
          FROM new_postings posting
          JOIN ledger_account account ON account.id = posting.account_id
         WHERE account.closed_at IS NOT NULL ORDER BY posting.entry_id, posting.leg LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % leg %: account % (%) is closed',
                culprit.entry_id, culprit.leg, culprit.id, culprit.code
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_open';
        END IF;
        SELECT posting.entry_id, posting.leg, posting.account_id INTO culprit
          FROM new_postings posting
          LEFT JOIN ledger_account account ON account.id = posting.account_id
          LEFT JOIN ledger_journalentry entry ON entry.id = posting.entry_id
         WHERE (account.currency = posting.currency AND account.merchant_id = entry.merchant_id
                AND account.livemode = entry.livemode) IS NOT true
         ORDER BY posting.entry_id, posting.leg LIMIT 1;
        RAISE EXCEPTION 'entry % leg %: account % is of another currency, merchant or mode, or '
            'the entry or account does not exist', culprit.entry_id, culprit.leg, culprit.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_account';
    END IF;

    IF has_floor THEN
        SELECT account.code, account.owner, account.currency, account.floor, available.amount
          INTO culprit
          FROM ledger_account account
         CROSS JOIN LATERAL (SELECT ledger_side(account.normal_side) AS side) normal
         CROSS JOIN LATERAL (
               SELECT sum(side * (debit_posted - credit_posted))
                      + least(sum(side * (debit_pending - credit_pending)), 0) AS amount
                 FROM ledger_balance balance WHERE balance.account_id = account.id) available
         WHERE account.floor IS NOT NULL AND available.amount < account.floor
           AND EXISTS (SELECT FROM new_postings posting
                        WHERE posting.account_id = account.id
                          AND NOT posting.forced AND side * posting.amount < 0)
         ORDER BY account.id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'account % % would have % %, its floor is %', culprit.code,
                culprit.owner, culprit.amount, culprit.currency, culprit.floor
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_account_floor';
        END IF;
    END IF;
    RETURN NULL;
END $$;
"""

# What an account counts for its balance: a debit account adds debits, a credit account credits.
SIDE = """
CREATE FUNCTION ledger_side(normal_side text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN CASE normal_side WHEN 'debit' THEN 1 ELSE -1 END;
"""

# The key must have been claimed first: that is what makes a fact bookable once. Whoever closes a
# period or takes a snapshot locks the keys, so what is read here after the claim stays true.
GUARD_ENTRIES = """
CREATE FUNCTION ledger_guard_entries() RETURNS trigger LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    lowest text;
    highest text;
    has_key boolean;
    has_legs boolean;
    is_in_open_period boolean;
    is_in_time boolean;
BEGIN
    SELECT min(id), max(id) INTO lowest, highest FROM new_entries;
    IF lowest IS NULL THEN
        RETURN NULL;
    END IF;

    SELECT bool_and(EXISTS (SELECT FROM ledger_entrykey key
                             WHERE key.source_type = entry.source_type
                               AND key.source_id = entry.source_id AND key.kind = entry.kind
                               AND key.entry_id = entry.id
                               AND key.reverses IS NOT DISTINCT FROM entry.reverses)),
           bool_and(EXISTS (SELECT FROM ledger_posting posting
                             WHERE posting.entry_id = entry.id
                               AND posting.entry_id >= lowest AND posting.entry_id <= highest)),
           bool_and(value_on > ledger_closed_through(merchant_id, livemode)),
           lowest >= coalesce((SELECT max(before_id) FROM ledger_snapshotcut), '')
      INTO has_key, has_legs, is_in_open_period, is_in_time
      FROM new_entries entry;

    IF NOT has_key THEN
        RAISE EXCEPTION 'entries between % and % were not claimed in ledger_entrykey',
            lowest, highest USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_claimed';
    ELSIF NOT has_legs THEN
        RAISE EXCEPTION 'an entry between % and % has no postings', lowest, highest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_complete';
    ELSIF NOT is_in_open_period THEN
        RAISE EXCEPTION 'an entry between % and % counts for a closed period', lowest, highest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_period_open';
    ELSIF NOT is_in_time THEN
        RAISE EXCEPTION 'entry % is booked behind the last snapshot of the balances', lowest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_booked_in_time';
    END IF;

    INSERT INTO ledger_unsealedentry SELECT id FROM new_entries;
    RETURN NULL;
END $$;
"""

CLOSED_THROUGH = """
CREATE FUNCTION ledger_closed_through(merchant text, is_live boolean) RETURNS date
STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce((SELECT max(closed_through) FROM ledger_periodclose
                      WHERE merchant_id = merchant AND livemode = is_live), '-infinity');
END $$;
"""

# Statement-level triggers fire on the table which the statement names. So a partition that is
# addressed directly needs the same guards as its parent.
GUARD_TABLE = """
CREATE PROCEDURE ledger_guard_table(target regclass, guard text, transition_table text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER ledger_guard AFTER INSERT ON %s REFERENCING NEW TABLE AS %I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', target, transition_table, guard);
    EXECUTE format(
        'CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
END $$;
"""

GUARD_PAIR = """
CREATE PROCEDURE ledger_guard_pair(entries regclass, postings regclass) LANGUAGE plpgsql AS $$
BEGIN
    CALL ledger_guard_table(entries, 'ledger_guard_entries', 'new_entries');
    CALL ledger_guard_table(postings, 'ledger_guard_postings', 'new_postings');
END $$;
"""

ADD_PARTITION = """
CREATE PROCEDURE ledger_add_partition(suffix text, first_id text, end_id text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF ledger_journalentry FOR VALUES FROM (%L) TO (%L)',
                   'ledger_journalentry_' || suffix, first_id, end_id);
    EXECUTE format('CREATE TABLE %I PARTITION OF ledger_posting FOR VALUES FROM (%L) TO (%L)',
                   'ledger_posting_' || suffix, first_id, end_id);
    CALL ledger_guard_pair(format('%I', 'ledger_journalentry_' || suffix)::regclass,
                           format('%I', 'ledger_posting_' || suffix)::regclass);
END $$;
"""

GUARDED_TABLES = [
    "CREATE TABLE ledger_journalentry_default PARTITION OF ledger_journalentry DEFAULT",
    "CREATE TABLE ledger_posting_default PARTITION OF ledger_posting DEFAULT",
    "CALL ledger_guard_pair('ledger_journalentry', 'ledger_posting')",
    "CALL ledger_guard_pair('ledger_journalentry_default', 'ledger_posting_default')",
    # An account may be closed or get another floor; what it is never changes.
    """
    CREATE TRIGGER ledger_account_identity_stays
        BEFORE UPDATE OF id, merchant_id, livemode, code, owner, currency, kind, normal_side
        ON ledger_account FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER ledger_account_stays BEFORE DELETE OR TRUNCATE ON ledger_account
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    # Only the guard of the postings, itself a trigger, writes balances.
    """
    CREATE TRIGGER ledger_balance_projected_only
        BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ledger_balance
        FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change()
    """,
]

APPEND_ONLY = [
    "ledger_entrykey",
    "ledger_seal",
    "ledger_periodclose",
    "ledger_snapshotcut",
    "ledger_balancesnapshot",
]

# With the guards go their triggers on all partitions.
DROP_GUARDS = [
    "DROP TRIGGER ledger_balance_projected_only ON ledger_balance",
    "DROP TRIGGER ledger_account_stays ON ledger_account",
    "DROP TRIGGER ledger_account_identity_stays ON ledger_account",
    "DROP TABLE ledger_posting_default, ledger_journalentry_default",
    "DROP TRIGGER ledger_append_only ON ledger_posting",
    "DROP TRIGGER ledger_append_only ON ledger_journalentry",
    "DROP PROCEDURE ledger_add_partition",
    "DROP PROCEDURE ledger_guard_pair",
    "DROP PROCEDURE ledger_guard_table",
    "DROP FUNCTION ledger_guard_entries CASCADE",
    "DROP FUNCTION ledger_guard_postings CASCADE",
    "DROP FUNCTION ledger_closed_through",
    "DROP FUNCTION ledger_side",
]


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        *(migrations.RunSQL(append_only(table), drop_append_only(table)) for table in APPEND_ONLY),
        migrations.RunSQL(
            [
                SIDE,
                CLOSED_THROUGH,
                GUARD_POSTINGS,
                GUARD_ENTRIES,
                GUARD_TABLE,
                GUARD_PAIR,
                ADD_PARTITION,
                *GUARDED_TABLES,
            ],
            DROP_GUARDS,
        ),
    ]
