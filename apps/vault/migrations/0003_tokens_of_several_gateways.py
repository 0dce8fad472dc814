"""
`vault_write_method(method)`: how the hot path stores a method together with its first payment.

Without details it inserts the method and its token, for every gateway that takes it; with details
it fills in what the gateway told, unless that is known already, and puts the gateway's lasting
token in place of a one-time one.
"""

from django.db import migrations

WRITE_METHOD = """
CREATE FUNCTION vault_write_method(method jsonb) RETURNS void LANGUAGE plpgsql AS $$
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
        INSERT INTO vault_gatewaytoken (payment_method_id, gateway, token)
        SELECT method->>'id', gateway, method->>'token'
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
        UPDATE vault_gatewaytoken SET token = method->>'token'
         WHERE payment_method_id = method->>'id' AND gateway = method->>'gateway';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0002_whole_ids")]

    operations = [
        migrations.RunSQL(WRITE_METHOD, "DROP FUNCTION vault_write_method(jsonb)"),
    ]
