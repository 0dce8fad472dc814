"""Write the books: `post_entry` is the one door, everything else goes through it."""

import json
from collections.abc import Sequence

from django.db import connection

from apps.ledger.drafts import EntryDraft


def post_entry(draft: EntryDraft) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_post_entry(%s::jsonb)", [json.dumps(draft.row())])
        return str(cursor.fetchone()[0])


def post_entries(drafts: Sequence[EntryDraft]) -> list[str]:
    rows = json.dumps([draft.row() for draft in drafts])
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_post_entries(%s::jsonb)", [rows])
        return list(cursor.fetchone()[0])
