"""
`fraud_store_decision(row)` for the hot path, `fraud_count_attempt(job)` for the time without Redis.

The payment's own write calls the first, so that an attempt and its assessment are one.
"""

from django.db import migrations

from apps.common.sql import append_only, drop_append_only, drop_like_indexes

STORE_DECISION = """
CREATE FUNCTION fraud_store_decision(job jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fraud_decision
    SELECT * FROM jsonb_populate_record(NULL::fraud_decision, job->'decision');
    IF jsonb_typeof(job->'review') = 'object' THEN
        INSERT INTO fraud_review
        SELECT * FROM jsonb_populate_record(NULL::fraud_review, job->'review');
    END IF;
END $$;
"""

COUNT_ATTEMPT = """
CREATE FUNCTION fraud_count_attempt(job jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
-- Adds one to every bucket, under the rows' locks and in one order, then reads: of attempts at the
-- same moment each sees those before it.
DECLARE
    expiry bigint := (job->>'expires_at')::bigint;
    alike bigint;
    is_new boolean;
BEGIN
    INSERT INTO fraud_tally VALUES (job->>'guard', 'once', 1, expiry) ON CONFLICT DO NOTHING;
    is_new := FOUND;
    INSERT INTO fraud_tally VALUES (job->>'like', 'n', is_new::int, expiry)
    ON CONFLICT (key, field) DO UPDATE SET value = fraud_tally.value + excluded.value
    RETURNING value INTO alike;
    IF is_new THEN
        INSERT INTO fraud_tally
        SELECT key.value, bucket,
               CASE WHEN bucket LIKE '%:s' THEN (job->>'amount')::bigint ELSE 1 END, expiry
          FROM jsonb_each_text(job->'keys') key,
               jsonb_array_elements_text(job->'buckets') bucket
         ORDER BY 1, 2
        ON CONFLICT (key, field) DO UPDATE
           SET value = fraud_tally.value + excluded.value, expires_at = excluded.expires_at;
    END IF;
    RETURN jsonb_build_object('like', alike, 'counts', (
        SELECT coalesce(jsonb_object_agg(entity, fields), '{}') FROM (
            SELECT key.key AS entity, jsonb_object_agg(tally.field, tally.value) AS fields
              FROM jsonb_each_text(job->'keys') key
              JOIN fraud_tally tally ON tally.key = key.value
             GROUP BY key.key
        ) found
    ));
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("fraud", "0001_initial"), ("common", "0001_refuse_change")]

    operations = [
        migrations.RunSQL(
            drop_like_indexes("fraud_decision", "fraud_review", "fraud_tally"), migrations.RunSQL.noop
        ),
        migrations.RunSQL(append_only("fraud_decision"), drop_append_only("fraud_decision")),
        migrations.RunSQL(STORE_DECISION, "DROP FUNCTION fraud_store_decision(jsonb)"),
        migrations.RunSQL(COUNT_ATTEMPT, "DROP FUNCTION fraud_count_attempt(jsonb)"),
    ]
