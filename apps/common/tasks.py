"""
Celery's way to do the dispatcher's work: the backstop that Celery beat starts.

Without a dispatcher everything still moves, only later and more slowly.
"""

from celery import shared_task
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.common.logs import begin_work
from apps.common.tracing import span

# One task stays far below CELERY_TASK_TIME_LIMIT, and the next one continues.
MAX_ROUNDS = 100


@shared_task
def run_sweep(path: str) -> None:
    """Call the sweep until it finds nothing."""
    begin_work(job=path)
    run = import_string(path)
    with span(path):
        for _ in range(MAX_ROUNDS):
            if not run(now=timezone.now()):
                break


@shared_task
def run_lane(claim_path: str, work_path: str) -> None:
    """Do the jobs of a lane one after another, until there are none."""
    begin_work(job=work_path)
    claim, work = import_string(claim_path), import_string(work_path)
    for _ in range(MAX_ROUNDS):
        jobs = claim(1)
        if not jobs:
            break
        work(jobs[0], now=timezone.now())
