"""The Celery application; what runs by the clock stands in config/schedule.py."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, import_modules, worker_init

from apps.common.shared_counters import share_counters
from config.schedule import beat_schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")


# Connected before there is an app, whose own receiver of this signal loads Django.
@import_modules.connect
def _share_counters(**_signal: Any) -> None:
    """Let a worker's children count where it can read."""
    share_counters()


app = Celery("payments")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = beat_schedule()


@worker_init.connect
@beat_init.connect
def _serve_metrics(**_signal: Any) -> None:
    """Let Prometheus read what this process counts, and what the database says."""
    # Imported now: the library of metrics looks at its import where counters are to live.
    from apps.common.metrics import serve_metrics  # noqa: PLC0415

    serve_metrics()
