"""
The one way to write the books: `ledger_post_entry(entry)` and, for many, `ledger_post_entries`.

The JSON of an entry is what `apps.ledger.drafts.EntryDraft.row()` returns.
"""

from django.db import migrations
from django.utils import timezone

from apps.ledger.chart import chart_view
from apps.ledger.partitions import add_partitions

LINES = """
CREATE FUNCTION ledger_lines(entries jsonb)
RETURNS TABLE (entry bigint, leg bigint, merchant_id text, livemode boolean, code text, owner text,
               currency text, layer text, amount bigint, forced boolean)
STABLE LANGUAGE sql BEGIN ATOMIC
    SELECT entry.position, leg.position, entry.content->>'merchant_id',
           (entry.content->>'livemode')::boolean, leg.account, leg.owner, leg.currency, leg.layer,
           leg.amount, leg.forced
      FROM jsonb_array_elements(entries) WITH ORDINALITY AS entry (content, position)
     CROSS JOIN LATERAL ROWS FROM (
               jsonb_to_recordset(entry.content->'legs')
               AS (account text, owner text, currency text, layer text, amount bigint,
                   forced boolean)
           ) WITH ORDINALITY AS leg (account, owner, currency, layer, amount, forced, position);
END;
"""

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

OPEN_ACCOUNTS = """
CREATE FUNCTION ledger_open_accounts(entries jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    unknown text;
BEGIN
    SELECT code INTO unknown FROM ledger_lines(entries)
     WHERE code NOT IN (SELECT chart.code FROM ledger_chart chart) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the chart has no account %', unknown
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_account';
    END IF;
    INSERT INTO ledger_account
           (merchant_id, livemode, code, owner, currency, kind, normal_side, shards, floor)
    SELECT DISTINCT line.merchant_id, line.livemode, line.code, line.owner, line.currency,
           chart.kind, chart.normal_side, chart.shards, chart.floor
      FROM ledger_lines(entries) line JOIN ledger_chart chart ON chart.code = line.code
     ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT DO NOTHING;
END $$;
"""

LEG = """
CREATE TYPE ledger_leg AS (entry bigint, leg smallint, account_id bigint, layer text, amount bigint,
                           currency text, forced boolean)
"""

# Accounts are looked up one by one: a join would read all accounts once the planner guesses wrong.
# The claim comes first: of two callers with the same fact the second waits here, then finds the
# entry of the first. Closing a period waits for claims too, so the period is read after it.
# The planner expects a hundred entries of a hundred legs, for which it would start its compiler.
POST_ENTRIES = """
CREATE FUNCTION ledger_post_entries(entries jsonb) RETURNS text[] LANGUAGE plpgsql
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    legs ledger_leg[];
    has_unknown boolean;
    claimed text[];
BEGIN
    FOR attempt IN 1..2 LOOP
        SELECT array_agg(ROW(entry, leg, account_id, layer, amount, currency, forced)::ledger_leg),
               bool_or(account_id IS NULL)
          INTO legs, has_unknown
          FROM (SELECT line.*,
                       (SELECT id FROM ledger_account account
                         WHERE account.merchant_id = line.merchant_id
                           AND account.livemode = line.livemode AND account.code = line.code
                           AND account.currency = line.currency AND account.owner = line.owner
                       ) AS account_id
                  FROM ledger_lines(entries) line) resolved;
        EXIT WHEN NOT has_unknown;
        PERFORM ledger_open_accounts(entries);
    END LOOP;

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
        SELECT position, row.*,
               ledger_closed_through(row.merchant_id, row.livemode) AS closed_through
          FROM jsonb_array_elements(entries) WITH ORDINALITY AS entry (content, position)
         CROSS JOIN LATERAL jsonb_to_record(entry.content)
                 AS row (id text, merchant_id text, livemode boolean, kind text, source_type text,
                         source_id text, value_on date, booked_at timestamptz, reverses text,
                         description text, metadata jsonb, legs jsonb)
         WHERE row.id = ANY (claimed)
    ), entry AS (
        INSERT INTO ledger_journalentry (id, merchant_id, livemode, kind, source_type, source_id,
                                         value_on, value_on_requested, booked_at, reverses,
                                         description, metadata, digest)
        SELECT id, merchant_id, livemode, kind, source_type, source_id,
               greatest(value_on, closed_through + 1),
               CASE WHEN value_on <= closed_through THEN value_on END,
               booked_at, reverses, description, metadata,
               ledger_digest(merchant_id, livemode, kind, source_type, source_id, reverses,
                             metadata, draft.legs)
          FROM draft
    )
    INSERT INTO ledger_posting (entry_id, leg, account_id, layer, amount, currency, forced)
    SELECT draft.id, leg.leg, leg.account_id, leg.layer, leg.amount, leg.currency, leg.forced
      FROM unnest(legs) AS leg JOIN draft ON draft.position = leg.entry;

    IF cardinality(claimed) < jsonb_array_length(entries) THEN
        PERFORM ledger_check_replay(content) FROM jsonb_array_elements(entries) AS draft (content)
          WHERE content->>'id' <> ALL (claimed);
        RETURN (SELECT array_agg(key.entry_id ORDER BY position)
                  FROM jsonb_array_elements(entries) WITH ORDINALITY AS draft (content, position)
                  JOIN ledger_entrykey key ON key.source_type = content->>'source_type'
                   AND key.source_id = content->>'source_id' AND key.kind = content->>'kind');
    END IF;
    RETURN (SELECT array_agg(content->>'id' ORDER BY position)
              FROM jsonb_array_elements(entries) WITH ORDINALITY AS draft (content, position));
END $$;
"""

POST_ENTRY = """
CREATE FUNCTION ledger_post_entry(entry jsonb) RETURNS text LANGUAGE sql
RETURN (ledger_post_entries(jsonb_build_array(entry)))[1];
"""

# Hearing a fact twice changes nothing; hearing it differently the second time is an error.
CHECK_REPLAY = """
CREATE FUNCTION ledger_check_replay(draft jsonb) RETURNS void LANGUAGE plpgsql AS $$
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
END $$;
"""

DROP = [
    "DROP FUNCTION ledger_post_entry",
    "DROP FUNCTION ledger_post_entries",
    "DROP TYPE ledger_leg",
    "DROP FUNCTION ledger_check_replay",
    "DROP FUNCTION ledger_open_accounts",
    "DROP FUNCTION ledger_leaf",
    "DROP FUNCTION ledger_digest",
    "DROP FUNCTION ledger_lines",
]


def add_first_partitions(apps, schema_editor):
    add_partitions(now=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards")]

    operations = [
        migrations.RunSQL(chart_view(), "DROP VIEW ledger_chart"),
        migrations.RunSQL(
            [LINES, DIGEST, LEAF, OPEN_ACCOUNTS, CHECK_REPLAY, LEG, POST_ENTRIES, POST_ENTRY], DROP
        ),
        migrations.RunPython(add_first_partitions, migrations.RunPython.noop),
    ]
