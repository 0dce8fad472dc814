"""`manage.py listen --forward-to URL`: test-mode events as webhooks to a program at hand."""

import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.api.dialect import Dialect
from apps.api.models import Merchant
from apps.outbox.models import Event
from apps.webhooks.objects import render_message
from apps.webhooks.signing import new_secret, sign

POLL_SECONDS: Final = 0.2
FORWARD_SECONDS: Final = 10.0
# Ids begin with the time, but are not committed in their order: each look goes this far back.
LOOK_BACK: Final = 500


class Command(BaseCommand):
    help = "Forward the test-mode events of a merchant, signed, to an address of your choice."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--forward-to", required=True, metavar="URL")
        parser.add_argument("--merchant", required=True, help="id or name")
        parser.add_argument("--events", default="*", help="comma-separated types; * for all")
        parser.add_argument("--stripe", action="store_true", help="objects in Stripe's dialect")
        parser.add_argument("--count", type=int, default=0, help="stop after so many; 0: never")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Forward what happens from now on, until interrupted."""
        merchant_id = _merchant_id(options["merchant"])
        wanted = set(options["events"].split(","))
        secret, left = new_secret(), options["count"]
        followed = _follow(merchant_id)
        next(followed)
        self.stdout.write(f"Ready. The signing secret of this run is {secret}")
        self.stdout.flush()
        with httpx.Client(timeout=FORWARD_SECONDS, trust_env=False) as client:
            for event in followed:
                if event is None or not wanted & {"*", event.type}:
                    continue
                answer = _forward(
                    client, options["forward_to"], event, secret, is_stripe=options["stripe"]
                )
                self.stdout.write(f"{event.type} {event.id} -> {answer}")
                self.stdout.flush()
                left -= 1
                if not left:
                    return


def _merchant_id(wanted: str) -> str:
    found = (
        Merchant.objects.filter(pk=wanted).first() or Merchant.objects.filter(name=wanted).first()
    )
    if found is None:
        raise CommandError(f"there is no merchant {wanted!r}")
    return found.id


def _follow(merchant_id: str) -> Iterator[Event | None]:
    """Yield None once it knows what was there before, then each new event, oldest first."""
    seen = {event.id for event in _latest(merchant_id)}
    yield None
    while True:
        latest = _latest(merchant_id)
        yield from (event for event in latest if event.id not in seen)
        # What lies further back than a look cannot come up again.
        seen = {event.id for event in latest}
        time.sleep(POLL_SECONDS)


def _latest(merchant_id: str) -> list[Event]:
    events = Event.objects.filter(merchant_id=merchant_id, livemode=False).order_by("-id")
    return sorted(events[:LOOK_BACK], key=_order)


def _order(event: Event) -> tuple[Any, int, str]:
    return event.created_at, event.sequence, event.id


def _forward(client: httpx.Client, url: str, event: Event, secret: str, *, is_stripe: bool) -> str:
    dialect = Dialect.STRIPE if is_stripe else Dialect.OWN
    version = settings.STRIPE_API_VERSION if is_stripe else settings.API_VERSION
    body = render_message(event, dialect=dialect, api_version=version)
    stamp = int(timezone.now().timestamp())
    headers = sign(body, message_id=event.id, timestamp=stamp, secrets=[secret])
    try:
        answer = client.post(
            url, content=body, headers={**headers, "Content-Type": "application/json"}
        )
    except httpx.HTTPError as trouble:
        return f"{type(trouble).__name__}: {trouble}"
    return str(answer.status_code)
