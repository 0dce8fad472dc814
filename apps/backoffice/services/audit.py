"""Whether the audit trail is what it was: every link of its chain, computed anew."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.backoffice.models import AuditCheck, AuditLink

# Links checked in one statement: a fraction of a second's work.
WINDOW_LINKS: Final = 10_000

_GUARDS: Final = """
SELECT needed.name_of_table, 'has no working trigger ' || needed.name
  FROM (VALUES ('backoffice_staffaction', 'backoffice_staffaction_append_only'),
               ('backoffice_staffaction', 'backoffice_staffaction_chain'),
               ('backoffice_auditlink', 'backoffice_auditlink_append_only')
       ) needed (name_of_table, name)
 WHERE NOT EXISTS (
       SELECT FROM pg_trigger WHERE tgrelid = needed.name_of_table::regclass
          AND tgname = needed.name AND tgenabled IN ('O', 'A'))
 LIMIT 1
"""

# Each link with the one before: its number follows, and it covers that one's hash and its action.
_WINDOW: Final = """
SELECT link.action_id,
       CASE WHEN before.number IS NULL AND link.number > 1
                 THEN 'the link before it is missing'
            WHEN link.previous_hash <> coalesce(before.hash, decode(repeat('00', 32), 'hex'))
                 THEN 'does not follow the link before it'
            WHEN deed.id IS NULL THEN 'was removed'
            ELSE 'was changed' END
  FROM backoffice_auditlink link
  LEFT JOIN backoffice_auditlink before ON before.number = link.number - 1
  LEFT JOIN backoffice_staffaction deed ON deed.id = link.action_id
 WHERE link.number > %(after)s AND link.number <= %(after)s + %(window)s
   AND (before.number IS NULL AND link.number > 1
        OR link.previous_hash <> coalesce(before.hash, decode(repeat('00', 32), 'hex'))
        OR deed.id IS NULL
        OR link.hash <> backoffice_link_hash(link.previous_hash, link.number, deed))
 ORDER BY link.number LIMIT 1
"""

_UNLINKED: Final = """
SELECT deed.id, 'is in no link of the chain'
  FROM backoffice_staffaction deed
 WHERE NOT EXISTS (SELECT FROM backoffice_auditlink link WHERE link.action_id = deed.id)
 ORDER BY deed.id LIMIT 1
"""


def check_audit_trail(*, now: datetime) -> AuditCheck:
    """
    Compute every link of the chain anew, and keep what came of it.

    A new row while it runs is either seen with its link or not at all. Who can rewrite the whole
    chain leaves no trace in it: keep the hash of a link elsewhere (`AuditLink.hash`).
    """
    links = AuditLink.objects.count()
    first_bad, detail = next(_breaks(), ("", ""))
    return AuditCheck.objects.create(
        checked_at=now, links=links, first_bad=first_bad, detail=detail
    )


def watch_audit_trail(*, now: datetime) -> int:
    """Check the chain by the clock; return how many breaks were found, at most one."""
    return int(check_audit_trail(now=now).is_broken)


def find_latest_check() -> AuditCheck | None:
    """Return what the latest look at the chain found, None before the first one."""
    return AuditCheck.objects.order_by("-id").first()


def _breaks() -> Iterator[tuple[str, str]]:
    yield from _query(_GUARDS)
    newest = AuditLink.objects.order_by("-number").values_list("number", flat=True).first() or 0
    for after in range(0, newest, WINDOW_LINKS):
        yield from _query(_WINDOW, {"after": after, "window": WINDOW_LINKS})
    yield from _query(_UNLINKED)


def _query(sql: str, params: dict[str, int] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
