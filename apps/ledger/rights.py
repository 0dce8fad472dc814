"""What the application may do in the database when its role does not own the tables."""

from django.db import connection, transaction
from psycopg import sql

# The guards refuse UPDATE and DELETE where rows stay as they are; the role needs the right all the
# same, because PostgreSQL asks for it before it lets anybody lock a table. Nobody but the guard,
# which has its owner's rights, writes balances. TRUNCATE and TRIGGER are given to nobody.
_GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON ledger_balance FROM {role}",
)


def grant_application(role: str) -> None:
    """Let `role` do the platform's daily work and no more; for the owner of the tables."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        names = {
            "schema": sql.Identifier(cursor.fetchone()[0]),
            "role": sql.Identifier(role),
        }
        for grant in _GRANTS:
            cursor.execute(sql.SQL(grant).format(**names))
