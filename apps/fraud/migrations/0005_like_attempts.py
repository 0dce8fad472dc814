"""Count like attempts over the minute before each of them, not over the clock's minutes (AC-17)."""

from importlib import import_module

from django.db import migrations

COUNT_ATTEMPT = """
CREATE OR REPLACE FUNCTION fraud_count_attempt(job jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
-- Adds one to every bucket, under the rows' locks and in one order, then reads: of attempts at the
-- same moment each sees those before it. The row 'n' of what is alike is there for its lock.
DECLARE
    expiry bigint := (job->>'expires_at')::bigint;
    at bigint := coalesce((job->>'at')::bigint, 0);
    like_since bigint := coalesce((job->>'like_since')::bigint, 0);
    alike bigint;
    is_new boolean;
BEGIN
    INSERT INTO fraud_tally VALUES (job->>'guard', 'once', 1, expiry) ON CONFLICT DO NOTHING;
    is_new := FOUND;
    INSERT INTO fraud_tally VALUES (job->>'like', 'n', is_new::int, expiry)
    ON CONFLICT (key, field) DO UPDATE
       SET value = fraud_tally.value + excluded.value, expires_at = excluded.expires_at;
    IF is_new THEN
        INSERT INTO fraud_tally VALUES (job->>'like', at::text, 1, expiry)
        ON CONFLICT (key, field) DO UPDATE SET value = fraud_tally.value + excluded.value;
        INSERT INTO fraud_tally
        SELECT key.value, bucket,
               CASE WHEN bucket LIKE '%:s' THEN (job->>'amount')::bigint ELSE 1 END, expiry
          FROM jsonb_each_text(job->'keys') key,
               jsonb_array_elements_text(job->'buckets') bucket
         ORDER BY 1, 2
        ON CONFLICT (key, field) DO UPDATE
           SET value = fraud_tally.value + excluded.value, expires_at = excluded.expires_at;
    END IF;
    SELECT coalesce(sum(value), 0) INTO alike FROM fraud_tally
     WHERE key = job->>'like'
       AND CASE WHEN field = 'n' THEN false ELSE field::bigint >= like_since END;
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

_BEFORE = import_module("apps.fraud.migrations.0002_functions").COUNT_ATTEMPT.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)


class Migration(migrations.Migration):
    dependencies = [("fraud", "0004_drift")]

    operations = [migrations.RunSQL(COUNT_ATTEMPT, _BEFORE)]
