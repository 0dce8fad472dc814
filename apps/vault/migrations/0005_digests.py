"""
`vault_write_method(method)` keeps a token's digest beside it, so that it is found again.

Everything else is as in the third migration.
"""

from importlib import import_module

from django.db import migrations

from apps.common.sql import drop_like_indexes

WRITE_METHOD = """
CREATE OR REPLACE FUNCTION vault_write_method(method jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    details jsonb := method->'details';
BEGIN
    IF details IS NULL THEN
        INSERT INTO vault_paymentmethod (
            id, merchant_id, livemode, type, brand, last4, exp_month, exp_year, funding, country,
            fingerprint, bank_name, billing_details, metadata, created_at, version
        ) VALUES (
            method->>'id', method->>'merchant_id', (method->>'livemode')::boolean, method->>'type',
            '', '', 0, 0, '', '', '', '', '{}', '{}', (method->>'created_at')::timestamptz, 0
        );
        INSERT INTO vault_gatewaytoken (payment_method_id, gateway, token, digest)
        SELECT method->>'id', gateway, method->>'token', method->>'digest'
          FROM jsonb_array_elements_text(method->'gateways') AS gateway;
        RETURN;
    END IF;
    UPDATE vault_paymentmethod SET
        brand = details->>'brand', last4 = details->>'last4',
        exp_month = (details->>'exp_month')::smallint, exp_year = (details->>'exp_year')::smallint,
        funding = details->>'funding', country = details->>'country',
        fingerprint = details->>'fingerprint'
    WHERE id = method->>'id' AND last4 = '';
    IF method->>'token' <> '' THEN
        UPDATE vault_gatewaytoken SET token = method->>'token', digest = method->>'digest'
         WHERE payment_method_id = method->>'id' AND gateway = method->>'gateway';
    END IF;
END $$;
"""

_BEFORE = import_module("apps.vault.migrations.0003_tokens_of_several_gateways").WRITE_METHOD


class Migration(migrations.Migration):
    dependencies = [("vault", "0004_network_tokens_and_mandates")]

    operations = [
        migrations.RunSQL(WRITE_METHOD, _BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(
            drop_like_indexes("vault_networktoken", "vault_mandate"), migrations.RunSQL.noop
        ),
    ]
