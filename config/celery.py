"""The Celery application; what runs by the clock stands in config/schedule.py."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init

from apps.common.metrics import serve_metrics
from config.schedule import beat_schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("payments")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = beat_schedule()


@worker_init.connect
@beat_init.connect
def _serve_metrics(**_signal: Any) -> None:
    """Let Prometheus read what this process counts, and what the database says."""
    serve_metrics()
