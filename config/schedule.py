"""
MAP 3: everything that runs by the clock, or all the time.

`manage.py run_dispatcher` runs all of it. Celery beat starts the same sweeps and lanes now and
then, so that everything moves, if slowly, while no dispatcher runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.common.schedule import Lane, Service, Sweep

POLL_SECONDS = 0.1
BACKSTOP_SECONDS = 5.0

SWEEPS: Sequence[Sweep] = (
    Sweep(run="apps.outbox.tasks.relay_events", every=POLL_SECONDS, continuous=True),
    Sweep(run="apps.outbox.stream.stream_events", every=POLL_SECONDS, continuous=True),
    Sweep(run="apps.webhooks.services.verification.verify_due_endpoints", every=1.0),
    Sweep(run="apps.payments.services.sweeps.sweep_attempts", every=1.0, copies=2),
    Sweep(run="apps.payments.services.sweeps.sweep_refunds", every=1.0, copies=2),
    Sweep(run="apps.payments.services.sweeps.sweep_checkouts", every=5.0),
    Sweep(run="apps.payments.services.sweeps.expire_intents", every=30.0),
    Sweep(run="apps.setups.services.setups.sweep_setups", every=5.0),
    Sweep(run="apps.payouts.services.payouts.sweep_payouts", every=1.0),
    Sweep(run="apps.payouts.services.shares.release_shares", every=10.0, continuous=True),
    Sweep(run="apps.payouts.services.schedules.run_schedules", every=60.0, continuous=True),
    Sweep(run="apps.ledger.tasks.seal_ledger", every=60.0, continuous=True),
    Sweep(run="apps.ledger.tasks.keep_ledger", every=3600.0),
    Sweep(run="apps.reconciliation.tasks.fetch_reports", every=600.0),
    Sweep(run="apps.reconciliation.tasks.reconcile_yesterday", every=600.0),
    Sweep(run="apps.reporting.services.roll_up", every=60.0),
    Sweep(run="apps.reporting.services.make_forecasts", every=600.0),
    Sweep(run="apps.reporting.services.make_month_packs", every=60.0),
    Sweep(run="apps.subscriptions.tasks.run_billing", every=5.0, continuous=True),
    Sweep(run="apps.subscriptions.tasks.run_dunning", every=5.0, continuous=True),
    Sweep(
        run="apps.subscriptions.services.upcoming.announce_invoices", every=300.0, continuous=True
    ),
    Sweep(run="apps.subscriptions.services.clocks.run_clocks", every=0.5, continuous=True),
    Sweep(run="apps.checkout.services.sessions.settle_due_sessions", every=1.0),
    Sweep(run="apps.backoffice.services.approvals.expire_approvals", every=60.0),
    Sweep(run="apps.backoffice.services.audit.watch_audit_trail", every=3600.0),
    Sweep(run="apps.backoffice.services.exports.expire_exports", every=300.0, continuous=True),
    Sweep(run="apps.disputes.services.sweeps.sweep_disputes", every=5.0),
    Sweep(run="apps.disputes.services.sweeps.find_missed_disputes", every=600.0),
    Sweep(run="apps.disputes.services.sweeps.find_missed_warnings", every=600.0),
    Sweep(run="apps.disputes.services.standings.count_standings", every=3600.0),
    Sweep(run="apps.vault.services.updates.remind_of_expiry", every=600.0),
    Sweep(run="apps.fraud.services.drift.watch_drift", every=3600.0),
    Sweep(run="apps.fraud.tasks.drop_old_tallies", every=600.0),
    Sweep(run="apps.api.services.expire_idempotency_keys", every=60.0, continuous=True),
    Sweep(run="apps.api.partitions.keep_request_log", every=3600.0),
    Sweep(run="apps.compliance.services.keep_retention", every=3600.0, continuous=True),
    Sweep(run="apps.compliance.services.finish_erasures", every=10.0, continuous=True),
)

LANES: Sequence[Lane] = (
    Lane(
        claim="apps.outbox.relay.claim_handled",
        work="apps.outbox.relay.handle",
        slots=8,
        every=POLL_SECONDS,
    ),
    Lane(
        claim="apps.webhooks.inbound.claim_inbound",
        work="apps.webhooks.inbound.process_inbound",
        slots=8,
        every=POLL_SECONDS,
    ),
    Lane(
        claim="apps.subscriptions.services.collection.claim_collections",
        work="apps.subscriptions.services.collection.collect",
        slots=4,
        every=1.0,
    ),
    Lane(
        claim="apps.subscriptions.services.collection.claim_news",
        work="apps.subscriptions.services.collection.settle_news",
        slots=2,
        every=0.5,
    ),
    Lane(
        claim="apps.backoffice.services.exports.claim_exports",
        work="apps.backoffice.tasks.run_export",
        slots=1,
        every=1.0,
    ),
)

SERVICES: Sequence[Service] = (
    Service(run="apps.webhooks.sender.run", backstop="apps.webhooks.sender.send_due"),
)


def beat_schedule() -> Mapping[str, Mapping[str, Any]]:
    """Return the backstop as Celery beat wants it; a task nobody fetched in time is dropped."""
    entries: dict[str, Mapping[str, Any]] = {}
    for sweep in SWEEPS:
        every = max(sweep.every, BACKSTOP_SECONDS)
        entries[sweep.run] = _entry("apps.common.tasks.run_sweep", every, sweep.run)
    for service in SERVICES:
        task = "apps.common.tasks.run_sweep"
        entries[service.run] = _entry(task, BACKSTOP_SECONDS, service.backstop)
    for lane in LANES:
        task = "apps.common.tasks.run_lane"
        entries[lane.work] = _entry(task, BACKSTOP_SECONDS, lane.claim, lane.work)
    return entries


def _entry(task: str, every: float, *paths: str) -> Mapping[str, Any]:
    return {"task": task, "schedule": every, "args": paths, "options": {"expires": every}}
