"""
The one way to write the books: `ledger_post_entry(entry)` and, for many, `ledger_post_entries`.

The JSON of an entry is what `apps.ledger.drafts.EntryDraft.row()` returns.
"""

from django.db import migrations
from django.utils import timezone

from apps.ledger.chart import chart_view
from apps.ledger.partitions import add_partitions

# The content of an entry as its digest covers it. The day, the time and the wording are left out,
# so that a fact which is heard again tomorrow is still the same fact; the seal covers those.
DIGEST = """
CREATE FUNCTION ledger_digest(merchant_id text, livemode boolean, kind text, source_type text,
                              source_id text, reverses text, metadata jsonb, legs jsonb)
RETURNS bytea STABLE LANGUAGE sql
RETURN sha256(convert_to(jsonb_build_array(merchant_id, livemode, kind, source_type, source_id,
                                           reverses, metadata, legs)::text, 'UTF8'));
"""

# What a seal covers of an entry: everything the digest leaves out, and the digest.
LEAF = """
CREATE FUNCTION ledger_leaf(entry ledger_journalentry) RETURNS bytea STABLE LANGUAGE sql
RETURN sha256(convert_to(jsonb_build_array(
    entry.id, entry.value_on, entry.value_on_requested, extract(epoch FROM entry.booked_at),
    entry.description, encode(entry.digest, 'hex'))::text, 'UTF8'));
"""

# The lock makes openers of one merchant take turns: two of them who open the same two accounts in
# another order would wait for each other.
OPEN_ACCOUNT = """
CREATE FUNCTION ledger_open_account(merchant text, is_live boolean, account_code text,
                                    account_owner text, account_currency text)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF account_code NOT IN (SELECT code FROM ledger_chart) THEN
        RAISE EXCEPTION 'the chart has no account %', account_code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_account';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ledger accounts of ' || merchant));
    INSERT INTO ledger_account
           (merchant_id, livemode, code, owner, currency, kind, normal_side, shards, floor)
    SELECT merchant, is_live, code, account_owner, account_currency, kind, normal_side, shards,
           floor
      FROM ledger_chart WHERE code = account_code
        ON CONFLICT DO NOTHING;
    RETURN (SELECT id FROM ledger_account
             WHERE merchant_id = merchant AND livemode = is_live AND code = account_code
               AND currency = account_currency AND owner = account_owner);
END $$;
"""

# Accounts are looked up one by one: a join would read all accounts once the planner guesses wrong.
# The claim comes first: of two callers with the same fact the second waits here, then finds the
# entry of the first. Closing a period waits for claims too, so the period is read after it.
# The planner expects a hundred entries of a hundred legs, for which it would start its compiler.
POST_ENTRIES = """
CREATE FUNCTION ledger_post_entries(entries jsonb) RETURNS text[] LANGUAGE plpgsql
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    claimed text[];
BEGIN
    WITH claim AS (
        INSERT INTO ledger_entrykey (source_type, source_id, kind, entry_id, reverses)
        SELECT source_type, source_id, kind, id, reverses
          FROM jsonb_to_recordset(entries) AS draft (source_type text, source_id text, kind text,
                                                     id text, reverses text)
         ORDER BY source_type, source_id, kind
            ON CONFLICT DO NOTHING
        RETURNING entry_id)
    SELECT coalesce(array_agg(entry_id), '{}') INTO claimed FROM claim;

    WITH draft AS MATERIALIZED (
        SELECT *, ledger_closed_through(merchant_id, livemode) AS closed_through
          FROM jsonb_to_recordset(entries)
               AS row (id text, merchant_id text, livemode boolean, kind text, source_type text,
                       source_id text, value_on date, booked_at timestamptz, reverses text,
                       description text, metadata jsonb, legs jsonb)
         WHERE id = ANY (claimed)
    ), entry AS (
        INSERT INTO ledger_journalentry (id, merchant_id, livemode, kind, source_type, source_id,
                                         value_on, value_on_requested, booked_at, reverses,
                                         description, metadata, digest)
        SELECT id, merchant_id, livemode, kind, source_type, source_id,
               greatest(value_on, closed_through + 1),
               CASE WHEN value_on <= closed_through THEN value_on END,
               booked_at, reverses, description, metadata,
               ledger_digest(merchant_id, livemode, kind, source_type, source_id, reverses,
                             metadata, legs)
          FROM draft
    )
    INSERT INTO ledger_posting (entry_id, leg, account_id, layer, amount, currency, forced)
    SELECT draft.id, leg.number,
           coalesce((SELECT id FROM ledger_account account
                      WHERE account.merchant_id = draft.merchant_id
                        AND account.livemode = draft.livemode AND account.code = leg.account
                        AND account.currency = leg.currency AND account.owner = leg.owner),
                    ledger_open_account(draft.merchant_id, draft.livemode, leg.account,
                                        leg.owner, leg.currency)),
           leg.layer, leg.amount, leg.currency, leg.forced
      FROM draft
     CROSS JOIN LATERAL ROWS FROM (
               jsonb_to_recordset(draft.legs)
               AS (account text, owner text, currency text, layer text, amount bigint,
                   forced boolean)
           ) WITH ORDINALITY AS leg (account, owner, currency, layer, amount, forced, number);

    IF cardinality(claimed) < jsonb_array_length(entries) THEN
        PERFORM ledger_check_replay(content) FROM jsonb_array_elements(entries) AS draft (content)
          WHERE content->>'id' <> ALL (claimed);
    END IF;
    RETURN (SELECT array_agg(key.entry_id ORDER BY position)
              FROM jsonb_array_elements(entries) WITH ORDINALITY AS draft (content, position)
              JOIN ledger_entrykey key ON key.source_type = content->>'source_type'
               AND key.source_id = content->>'source_id' AND key.kind = content->>'kind');
END $$;
"""

# One entry, the hot path: the same steps without the detours over sets.
POST_ENTRY = """
CREATE FUNCTION ledger_post_entry(entry jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    draft record;
    closed_through date;
BEGIN
    SELECT * INTO draft
      FROM jsonb_to_record(entry)
           AS row (id text, merchant_id text, livemode boolean, kind text, source_type text,
                   source_id text, value_on date, booked_at timestamptz, reverses text,
                   description text, metadata jsonb, legs jsonb);
    INSERT INTO ledger_entrykey (source_type, source_id, kind, entry_id, reverses)
    VALUES (draft.source_type, draft.source_id, draft.kind, draft.id, draft.reverses)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN ledger_check_replay(entry);
    END IF;
    closed_through := ledger_closed_through(draft.merchant_id, draft.livemode);

    WITH entry AS (
        INSERT INTO ledger_journalentry (id, merchant_id, livemode, kind, source_type, source_id,
                                         value_on, value_on_requested, booked_at, reverses,
                                         description, metadata, digest)
        VALUES (draft.id, draft.merchant_id, draft.livemode, draft.kind, draft.source_type,
                draft.source_id, greatest(draft.value_on, closed_through + 1),
                CASE WHEN draft.value_on <= closed_through THEN draft.value_on END,
                draft.booked_at, draft.reverses, draft.description, draft.metadata,
                ledger_digest(draft.merchant_id, draft.livemode, draft.kind, draft.source_type,
                              draft.source_id, draft.reverses, draft.metadata, draft.legs))
    )
    INSERT INTO ledger_posting (entry_id, leg, account_id, layer, amount, currency, forced)
    SELECT draft.id, leg.number,
           coalesce((SELECT id FROM ledger_account account
                      WHERE account.merchant_id = draft.merchant_id
                        AND account.livemode = draft.livemode AND account.code = leg.account
                        AND account.currency = leg.currency AND account.owner = leg.owner),
                    ledger_open_account(draft.merchant_id, draft.livemode, leg.account,
                                        leg.owner, leg.currency)),
           leg.layer, leg.amount, leg.currency, leg.forced
      FROM ROWS FROM (
               jsonb_to_recordset(draft.legs)
               AS (account text, owner text, currency text, layer text, amount bigint,
                   forced boolean)
           ) WITH ORDINALITY AS leg (account, owner, currency, layer, amount, forced, number);
    RETURN draft.id;
END $$;
"""

# Hearing a fact twice changes nothing; hearing it differently the second time is an error.
CHECK_REPLAY = """
CREATE FUNCTION ledger_check_replay(draft jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    earlier record;
BEGIN
    SELECT entry.id, entry.digest INTO earlier
      FROM ledger_entrykey key JOIN ledger_journalentry entry ON entry.id = key.entry_id
     WHERE key.source_type = draft->>'source_type' AND key.source_id = draft->>'source_id'
       AND key.kind = draft->>'kind';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % is reversed already', draft->>'reverses'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'ledger_entry_reversed_once';
    END IF;
    IF earlier.digest <> ledger_digest(
           draft->>'merchant_id', (draft->>'livemode')::boolean, draft->>'kind',
           draft->>'source_type', draft->>'source_id', draft->>'reverses', draft->'metadata',
           draft->'legs') THEN
        RAISE EXCEPTION '% of % % was booked with other content as %',
            draft->>'kind', draft->>'source_type', draft->>'source_id', earlier.id
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'ledger_entry_same_content';
    END IF;
    RETURN earlier.id;
END $$;
"""

DROP = [
    "DROP FUNCTION ledger_post_entry",
    "DROP FUNCTION ledger_post_entries",
    "DROP FUNCTION ledger_check_replay",
    "DROP FUNCTION ledger_open_account",
    "DROP FUNCTION ledger_leaf",
    "DROP FUNCTION ledger_digest",
]


def add_first_partitions(apps, schema_editor):
    add_partitions(now=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards")]

    operations = [
        migrations.RunSQL(chart_view(), "DROP VIEW ledger_chart"),
        migrations.RunSQL(
            [DIGEST, LEAF, OPEN_ACCOUNT, CHECK_REPLAY, POST_ENTRIES, POST_ENTRY], DROP
        ),
        migrations.RunPython(add_first_partitions, migrations.RunPython.noop),
    ]
