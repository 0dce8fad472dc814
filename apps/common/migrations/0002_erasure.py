"""
What a row may lose when a person is erased: `common_without_person(value)`, and a guard for it.

The function empties the texts, maps and lists under the names by which the platform stores people
and what callers wrote about them, at any depth. It is a function of its argument alone, so a guard
can compare: an append-only table may lose exactly that, and nothing else (ADR 0036). A new name
needs a migration that replaces the function.
"""

from django.db import migrations

WITHOUT_PERSON = """
CREATE FUNCTION common_without_person(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN coalesce((
            SELECT jsonb_object_agg(name, CASE
                     WHEN name <> ALL (ARRAY[
                              'address', 'billing_details', 'buyer_reference', 'cancel_url',
                              'client_reference_id', 'customer_email', 'customer_name',
                              'description', 'device', 'email', 'email_domain', 'evidence', 'ip',
                              'ip_address', 'memo', 'metadata', 'name', 'note', 'phone',
                              'preferred_locales', 'receipt_email', 'return_url', 'shipping',
                              'statement_descriptor', 'success_url', 'url', 'user_agent'])
                         THEN common_without_person(item)
                     WHEN jsonb_typeof(item) = 'string' THEN '""'
                     WHEN jsonb_typeof(item) = 'object' THEN '{}'
                     WHEN jsonb_typeof(item) = 'array' THEN '[]'
                     ELSE item END)
              FROM jsonb_each(value) AS property (name, item)), '{}');
    WHEN 'array' THEN
        RETURN coalesce((
            SELECT jsonb_agg(common_without_person(item) ORDER BY place)
              FROM jsonb_array_elements(value) WITH ORDINALITY AS entry (item, place)), '[]');
    ELSE
        RETURN value;
    END CASE;
END $$;
"""

# The trigger's arguments name columns that may be emptied beside those which the names cover.
ALLOW_ERASURE = r"""
CREATE FUNCTION common_refuse_all_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    expected jsonb := common_without_person(to_jsonb(OLD));
    actual jsonb := to_jsonb(NEW);
    emptied text;
BEGIN
    FOREACH emptied IN ARRAY coalesce(TG_ARGV, '{}') LOOP
        IF actual->>emptied IN ('', '\x') THEN
            expected := expected - emptied;
            actual := actual - emptied;
        END IF;
    END LOOP;
    IF actual IS DISTINCT FROM expected THEN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("common", "0001_refuse_change")]

    operations = [
        migrations.RunSQL(WITHOUT_PERSON, "DROP FUNCTION common_without_person(jsonb)"),
        migrations.RunSQL(ALLOW_ERASURE, "DROP FUNCTION common_refuse_all_but_erasure()"),
    ]
