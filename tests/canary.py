"""Look for a text that must be nowhere: in every table, in Redis."""

import redis
from django.conf import settings
from django.db import connection


def tables_with(text: str) -> list[str]:
    """Return the tables of which a row holds the text, be it as bytes."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            sql = f'SELECT 1 FROM "{table}" t WHERE t::text LIKE ANY (%s) LIMIT 1'  # noqa: S608
            cursor.execute(sql, [[f"%{text}%", f"%{text.encode().hex()}%"]])
            if cursor.fetchone():
                found.append(table)
    return found


def keys_with(text: str) -> list[str]:
    """Return the keys of Redis which hold the text, in their name or value."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    found = []
    for key in client.scan_iter(count=1000):
        value = client.dump(key) or b""
        if text.encode() in key or text.encode() in value:
            found.append(key.decode())
    client.close()
    return found
