"""
Bring the database to today's tables and fill it with the demo's data.

A process of its own, so that the supervisor stays free of Django; one process for both, since
loading Django takes longer than finding that there is nothing to do.
"""

import sys
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import get_resolver


def main(credentials: str) -> None:
    """Migrate and seed; `credentials` is the file that keeps the demo's keys and log-ins."""
    django.setup()
    # Loads every address: what cannot be imported is told here, at once and in plain sight.
    _ = get_resolver().url_patterns
    if _is_behind():
        call_command("migrate", interactive=False, verbosity=1)
    call_command("seed_demo", credentials=Path(credentials))


def _is_behind() -> bool:
    """Return whether tables are missing; migrating for nothing makes all permissions anew."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


if __name__ == "__main__":
    main(sys.argv[1])
