"""
The claim of an Idempotency-Key and its answer as SQL functions.

They are functions so that a service can claim, write its result and store the answer in one
statement of its own. NULL instead of a claim means: not called through the API, nothing to do.
"""

from django.db import migrations

# What a claim says in JSON: merchant_id, livemode, key, fingerprint (hex), method, path,
# lease_token, lease_seconds, retention_hours, request_id, object_id, may_resume, held, and, once
# the answer is known, response_status and response_body.
API_CLAIM = """
CREATE FUNCTION api_claim(claim jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
-- Take the key. Returns NULL when the caller may execute, {"resumed": object_id} when it may and
-- an earlier run got as far as object_id; else the row in the way: the caller writes nothing and
-- returns it. A claim that is held already only records its object and its answer.
DECLARE
    clock timestamptz := clock_timestamp();
    taken_object text;
    standing jsonb;
BEGIN
    IF claim IS NULL THEN
        RETURN NULL;
    END IF;
    IF (claim->>'held')::boolean THEN
        IF claim->>'response_status' IS NOT NULL THEN
            PERFORM api_store_answer(claim);
        ELSIF claim->>'object_id' <> '' THEN
            PERFORM api_remember_object(claim);
        END IF;
        RETURN NULL;
    END IF;
    LOOP
        INSERT INTO api_idempotencykey AS held (
            merchant_id, livemode, key, fingerprint, method, path, lease_token, leased_until,
            object_id, response_status, response_body, request_id, created_at
        ) VALUES (
            claim->>'merchant_id', (claim->>'livemode')::boolean, claim->>'key',
            decode(claim->>'fingerprint', 'hex'), claim->>'method', claim->>'path',
            (claim->>'lease_token')::uuid,
            clock + make_interval(secs => (claim->>'lease_seconds')::int),
            claim->>'object_id', (claim->>'response_status')::smallint, claim->>'response_body',
            claim->>'request_id', clock
        )
        ON CONFLICT (merchant_id, livemode, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, method = excluded.method, path = excluded.path,
            lease_token = excluded.lease_token, leased_until = excluded.leased_until,
            object_id = CASE
                WHEN held.created_at <= clock - make_interval(
                    hours => (claim->>'retention_hours')::int) THEN excluded.object_id
                WHEN held.object_id <> '' THEN held.object_id
                ELSE excluded.object_id
            END,
            response_status = excluded.response_status, response_body = excluded.response_body,
            request_id = excluded.request_id,
            created_at = CASE
                WHEN held.created_at <= clock - make_interval(
                    hours => (claim->>'retention_hours')::int) THEN excluded.created_at
                ELSE held.created_at
            END
        WHERE held.created_at <= clock - make_interval(
                hours => (claim->>'retention_hours')::int)
           OR (held.response_status IS NULL AND held.leased_until < clock
               AND held.fingerprint = excluded.fingerprint
               AND (held.object_id = '' OR (claim->>'may_resume')::boolean))
        RETURNING held.object_id INTO taken_object;
        IF FOUND THEN
            RETURN CASE WHEN (claim->>'may_resume')::boolean AND taken_object <> ''
                        THEN jsonb_build_object('resumed', taken_object) END;
        END IF;

        SELECT jsonb_build_object(
                   'fingerprint', encode(k.fingerprint, 'hex'),
                   'response_status', k.response_status, 'response_body', k.response_body,
                   'request_id', k.request_id, 'method', k.method, 'path', k.path,
                   'lease_over', k.leased_until < clock)
          INTO standing
          FROM api_idempotencykey k
         WHERE k.merchant_id = claim->>'merchant_id'
           AND k.livemode = (claim->>'livemode')::boolean AND k.key = claim->>'key';
        IF FOUND THEN
            RETURN standing;
        END IF;
        -- The row in the way was released in between: try again.
    END LOOP;
END $$;
"""

API_STORE_ANSWER = """
CREATE FUNCTION api_store_answer(answer jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- Store the answer of a held claim; refuses when another run has taken the claim over meanwhile,
-- so that a run which was believed dead cannot commit anything.
BEGIN
    IF answer IS NULL THEN
        RETURN;
    END IF;
    UPDATE api_idempotencykey k
       SET response_status = (answer->>'response_status')::smallint,
           response_body = answer->>'response_body',
           object_id = CASE WHEN answer->>'object_id' <> '' THEN answer->>'object_id'
                            ELSE k.object_id END
     WHERE k.merchant_id = answer->>'merchant_id'
       AND k.livemode = (answer->>'livemode')::boolean AND k.key = answer->>'key'
       AND k.lease_token = (answer->>'lease_token')::uuid AND k.response_status IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'idempotency claim % is no longer held', answer->>'lease_token'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
"""

API_REMEMBER_OBJECT = """
CREATE FUNCTION api_remember_object(claim jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- Set the recovery point of a held claim, in the transaction that commits the object.
BEGIN
    IF claim IS NULL THEN
        RETURN;
    END IF;
    UPDATE api_idempotencykey k SET object_id = claim->>'object_id'
     WHERE k.merchant_id = claim->>'merchant_id'
       AND k.livemode = (claim->>'livemode')::boolean AND k.key = claim->>'key'
       AND k.lease_token = (claim->>'lease_token')::uuid AND k.response_status IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'idempotency claim % is no longer held', claim->>'lease_token'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
"""

API_RELEASE_CLAIM = """
CREATE FUNCTION api_release_claim(claim jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- Give the key back after a refusal. What has a recovery point stays for a retry to resume at once.
BEGIN
    DELETE FROM api_idempotencykey k
     WHERE k.merchant_id = claim->>'merchant_id'
       AND k.livemode = (claim->>'livemode')::boolean AND k.key = claim->>'key'
       AND k.lease_token = (claim->>'lease_token')::uuid AND k.response_status IS NULL
       AND k.object_id = '';
    IF NOT FOUND THEN
        UPDATE api_idempotencykey k SET leased_until = clock_timestamp()
         WHERE k.merchant_id = claim->>'merchant_id'
           AND k.livemode = (claim->>'livemode')::boolean AND k.key = claim->>'key'
           AND k.lease_token = (claim->>'lease_token')::uuid AND k.response_status IS NULL;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]

    operations = [
        migrations.RunSQL(API_STORE_ANSWER, "DROP FUNCTION api_store_answer(jsonb)"),
        migrations.RunSQL(API_REMEMBER_OBJECT, "DROP FUNCTION api_remember_object(jsonb)"),
        migrations.RunSQL(API_RELEASE_CLAIM, "DROP FUNCTION api_release_claim(jsonb)"),
        migrations.RunSQL(API_CLAIM, "DROP FUNCTION api_claim(jsonb)"),
    ]
