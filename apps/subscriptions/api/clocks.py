"""`/v1/test_helpers/test_clocks`: time that a developer moves, in test mode only."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import TextField, TimestampField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import Json
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.subscriptions.api.catalog import BillingView
from apps.subscriptions.api.shapes import DELETED_TEST_CLOCK, TEST_CLOCK
from apps.subscriptions.models import TestClock
from apps.subscriptions.objects import render_clock
from apps.subscriptions.selectors import get_row
from apps.subscriptions.services.clocks import advance_clock, create_clock, delete_clock


class CreateClock(RequestSchema):
    frozen_time = TimestampField()
    name = TextField(required=False, max_length=300)


class AdvanceClock(RequestSchema):
    frozen_time = TimestampField()


class ClockList(BillingView):
    resource = "test_clocks"
    schemas = {"GET": ListSchema, "POST": CreateClock}
    answers = {"GET": ListOf(TEST_CLOCK), "POST": TEST_CLOCK}

    def get(self, _request: HttpRequest) -> Json:
        return list_page(
            self.rows(TestClock),
            self.load(),
            url="/v1/test_helpers/test_clocks",
            show=render_clock,
        )

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        clock = create_clock(
            scope=self.scope,
            name=params.get("name", ""),
            frozen_time=params["frozen_time"],
            origin=self.origin,
            now=timezone.now(),
        )
        return render_clock(clock)


class ClockDetail(BillingView):
    resource = "test_clocks"
    answers = {"GET": TEST_CLOCK, "DELETE": DELETED_TEST_CLOCK}
    transactional_answer = False

    def get(self, _request: HttpRequest, clock_id: str) -> Json:
        self.load()
        return render_clock(get_row(TestClock, self.scope, clock_id))

    def delete(self, _request: HttpRequest, clock_id: str) -> Json:
        self.load()
        delete_clock(scope=self.scope, clock_id=clock_id, origin=self.origin, now=timezone.now())
        return {"id": clock_id, "object": "test_helpers.test_clock", "deleted": True}


class ClockAdvance(BillingView):
    resource = "test_clocks"
    schemas = {"POST": AdvanceClock}
    answers = {"POST": TEST_CLOCK}

    def post(self, _request: HttpRequest, clock_id: str) -> Json:
        clock = advance_clock(
            scope=self.scope,
            clock_id=clock_id,
            frozen_time=self.load()["frozen_time"],
            origin=self.origin,
            now=timezone.now(),
        )
        return render_clock(clock)


def load_clocks(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the test clocks with these ids, for `expand[]`."""
    return {row.id: render_clock(row) for row in get_rows(TestClock.objects, scope, ids)}
