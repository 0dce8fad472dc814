"""
The floor: a script for pgbench which writes the rows of one payment and nothing else.

The rows are copied from a payment that the product has just made, so they are the same in number
and size; ids are made anew for each payment. The tables are copies with the same columns, indexes,
checks and foreign keys, but without triggers. Three statements with a commit each: create, claim,
settle.
"""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

SCHEMA = "floor"
PHASES = ("create", "claim", "settle")


@dataclass(frozen=True)
class Source:
    """Where the rows of one payment stand: table, condition, and the phase that inserts them."""

    table: str
    where: str
    phase: str


def _sources() -> list[Source]:
    by_version = "object_id = %(intent)s AND sequence = {}"
    sources = []
    for phase, version in (("create", 1), ("claim", 2), ("settle", 3)):
        sources.append(Source("outbox_event", by_version.format(version), phase))
    return [
        Source("api_idempotencykey", "object_id IN ('', %(intent)s) AND path NOT LIKE '%%confirm'"
               " AND response_body LIKE %(like)s", "create"),
        Source("api_idempotencykey", "object_id = %(attempt)s", "claim"),
        Source("payments_paymentintent", "id = %(intent)s", "create"),
        Source("payments_paymentattempt", "id = %(attempt)s", "claim"),
        Source("vault_paymentmethod", "id = %(method)s", "claim"),
        Source("vault_gatewaytoken", "payment_method_id = %(method)s", "claim"),
        Source("ledger_entrykey", "source_id = %(attempt)s", "settle"),
        Source("ledger_journalentry", "source_id = %(attempt)s", "settle"),
        Source("ledger_posting", "entry_id = %(entry)s", "settle"),
        *sources,
    ]  # fmt: skip


def create_floor(url: str, intent_id: str) -> dict[str, int]:
    """
    Create the schema with its functions `floor.create|claim|settle(n)`.

    Returns how many rows one payment inserts per table.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        ids = _ids(connection, intent_id)
        tables = {source.table for source in _sources()} | {"outbox_message", "ledger_balance"}
        for table in sorted(tables):
            connection.execute(f"CREATE TABLE {SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL)")
        for table, column, target in _FOREIGN_KEYS:
            connection.execute(
                f"ALTER TABLE {SCHEMA}.{table} ADD FOREIGN KEY ({column})"
                f" REFERENCES {SCHEMA}.{target} (id) DEFERRABLE INITIALLY DEFERRED"
            )
        connection.execute(f"INSERT INTO {SCHEMA}.ledger_balance SELECT * FROM ledger_balance")
        statements: dict[str, list[sql.Composable]] = {phase: [] for phase in PHASES}
        counts: dict[str, int] = {}
        for source in _sources():
            rows = _rows(connection, source, ids)
            counts[source.table] = counts.get(source.table, 0) + len(rows)
            for row in rows:
                statements[source.phase].append(_insert(source, row, ids))
                if source.table == "outbox_event":
                    statements[source.phase].append(_message())
        counts["outbox_message"] = counts["outbox_event"]
        _add_updates(statements, connection, ids)
        for phase in PHASES:
            connection.execute(_function(phase, statements[phase]))
    return counts


# Those of the product between the tables of one payment.
_FOREIGN_KEYS = (
    ("payments_paymentattempt", "intent_id", "payments_paymentintent"),
    ("vault_gatewaytoken", "payment_method_id", "vault_paymentmethod"),
)

SCRIPT = """\\set n random(1, 1000000000000000)
SELECT floor.create(:n);
SELECT floor.claim(:n);
SELECT floor.settle(:n);
"""


def _ids(connection: psycopg.Connection, intent_id: str) -> dict[str, str]:
    row = connection.execute(
        "SELECT latest_attempt_id, payment_method_id FROM payments_paymentintent WHERE id = %s",
        [intent_id],
    ).fetchone()
    assert row is not None
    attempt, method = row
    entry = connection.execute(
        "SELECT id FROM ledger_journalentry WHERE source_id = %s", [attempt]
    ).fetchone()
    assert entry is not None
    return {
        "intent": intent_id,
        "attempt": attempt,
        "method": method,
        "entry": entry[0],
        "like": f"%{intent_id}%",
    }


def _rows(
    connection: psycopg.Connection, source: Source, ids: dict[str, str]
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute(f"SELECT * FROM {source.table} WHERE {source.where}", ids)
        rows: list[dict[str, Any]] = cursor.fetchall()
    return rows


# Columns whose value must differ from payment to payment: an expression over `n`.
_FRESH = {
    ("api_idempotencykey", "id"): "nextval('api_idempotencykey_id_seq')",
    ("api_idempotencykey", "key"): "'key_{phase}_' || n",
    ("outbox_event", "id"): "'evt_{phase}_' || lpad(n::text, 22, '0')",
    ("vault_gatewaytoken", "id"): "nextval('vault_gatewaytoken_id_seq')",
}


def _insert(source: Source, row: dict[str, Any], ids: dict[str, str]) -> sql.Composable:
    fresh = {
        ids["intent"]: "'pi_' || lpad(n::text, 26, '0')",
        ids["attempt"]: "'att_' || lpad(n::text, 26, '0')",
        ids["method"]: "'pm_' || lpad(n::text, 26, '0')",
        ids["entry"]: "'jrn_' || lpad(n::text, 26, '0')",
    }
    values: list[sql.Composable] = []
    for column, value in row.items():
        expression = _FRESH.get((source.table, column))
        if expression is not None:
            values.append(sql.SQL(expression.format(phase=source.phase)))
        elif isinstance(value, str) and value in fresh:
            values.append(sql.SQL(fresh[value]))
        elif isinstance(value, dict | list):
            values.append(sql.Literal(Jsonb(value)))
        else:
            values.append(sql.Literal(value))
    return sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values});").format(
        table=sql.Identifier(SCHEMA, source.table),
        columns=sql.SQL(", ").join(map(sql.Identifier, row)),
        values=sql.SQL(", ").join(values),
    )


def _message() -> sql.Composable:
    return sql.SQL(
        "INSERT INTO floor.outbox_message (id, event_id, object_id, type, available_at, attempts,"
        " last_error) VALUES (nextval('outbox_message_id_seq'), 'evt_' || n,"
        " 'pi_' || lpad(n::text, 26, '0'), 'payment_intent.succeeded', clock_timestamp(), 0, '');"
    )


def _add_updates(
    statements: dict[str, list[sql.Composable]],
    connection: psycopg.Connection,
    ids: dict[str, str],
) -> None:
    """Add the updates of rows that an earlier phase inserted, and of the balances."""
    intent = "UPDATE floor.payments_paymentintent SET version = version + 1, status = {} WHERE id ="
    key = " 'pi_' || lpad(n::text, 26, '0');"
    statements["claim"].append(sql.SQL(intent.format("'succeeded'") + key))
    statements["settle"].extend(
        [
            sql.SQL(intent.format("'succeeded'") + key),
            sql.SQL(
                "UPDATE floor.payments_paymentattempt SET finished_at = clock_timestamp(),"
                " due_at = NULL WHERE id = 'att_' || lpad(n::text, 26, '0');"
            ),
            sql.SQL(
                "UPDATE floor.vault_paymentmethod SET last4 = '4242'"
                " WHERE id = 'pm_' || lpad(n::text, 26, '0');"
            ),
            sql.SQL(
                "UPDATE floor.api_idempotencykey SET response_status = 200, leased_until ="
                " clock_timestamp() WHERE merchant_id = {merchant} AND livemode = false"
                " AND key = 'key_claim_' || n;"
            ).format(merchant=sql.Literal(_merchant(connection, ids))),
        ]
    )
    accounts = connection.execute(
        "SELECT DISTINCT account_id FROM ledger_posting WHERE entry_id = %s", [ids["entry"]]
    ).fetchall()
    for (account,) in accounts:
        statements["settle"].append(
            sql.SQL(
                "UPDATE floor.ledger_balance SET debit_posted = debit_posted + 1,"
                " version = version + 1 WHERE account_id = {account} AND shard ="
                " (SELECT shard FROM floor.ledger_balance WHERE account_id = {account}"
                " ORDER BY shard OFFSET n % greatest(1, (SELECT count(*) FROM"
                " floor.ledger_balance WHERE account_id = {account})) LIMIT 1);"
            ).format(account=sql.Literal(account))
        )


def _merchant(connection: psycopg.Connection, ids: dict[str, str]) -> str:
    row = connection.execute(
        "SELECT merchant_id FROM payments_paymentintent WHERE id = %s", [ids["intent"]]
    ).fetchone()
    assert row is not None
    return str(row[0])


def _function(phase: str, statements: list[sql.Composable]) -> sql.Composed:
    body = sql.SQL("\n").join(statements).as_string()
    return sql.SQL(
        "CREATE FUNCTION {name}(n bigint) RETURNS void LANGUAGE plpgsql AS {body}"
    ).format(
        name=sql.Identifier(SCHEMA, phase),
        body=sql.Literal(f"BEGIN\n{body}\nEND"),
    )
