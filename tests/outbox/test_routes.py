"""MAP 2 names what exists."""

from django.utils.module_loading import import_string

from apps.gateways.base import EventKind
from config import event_routes


def test_every_route_leads_to_a_function() -> None:
    paths = [path for handlers in event_routes.HANDLERS.values() for path in handlers]
    paths += [*event_routes.QUEUES, *event_routes.INBOUND.values()]

    assert all(callable(import_string(path)) for path in paths)


def test_every_inbound_route_is_of_a_kind_that_gateways_tell() -> None:
    assert set(event_routes.INBOUND) <= {kind.value for kind in EventKind}
