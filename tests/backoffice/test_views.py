"""Saved views: a filter by name, for oneself or for a role."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.errors import RoleNotYours, TooManyViews, ViewNotYours
from apps.backoffice.kit.counts import COUNTED_MOST
from apps.backoffice.models import Approval, SavedView, User
from apps.backoffice.services import setup_roles
from apps.backoffice.services.views import VIEWS_MAX, remove_view, save_view
from tests.factories.backoffice import staff

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
SCREEN, QUERY = "payments.refund", "status__exact=failed"


def list_url(query: str = "") -> str:
    return f"{reverse('admin:payments_refund_changelist')}?{query}"


def press(client: Client, dialog: str, query: str, **answers: str) -> Any:
    url = reverse("admin:payments_refund_list_dialog", args=[dialog])
    return client.post(f"{url}?{query}", {"nonce": str(uuid.uuid4()), **answers})


def names(client: Client, query: str = "") -> list[tuple[str, bool]]:
    shown = client.get(list_url(query)).context["views"]
    return [(item["view"].name, item["is_active"]) for item in shown]


def test_a_filter_is_kept_by_name_and_found_above_the_list(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")

    answer = press(client, "save-view", QUERY, name="To call back")

    assert answer["Location"] == list_url(QUERY)
    assert names(client) == [("To call back", False)]
    assert names(client, f"{QUERY}&before=re_9") == [("To call back", True)]


def test_a_view_is_private_unless_it_is_shared_with_a_role(enter_as: EnterAs) -> None:
    agent, lead = enter_as("support_agent"), enter_as("support_lead")
    colleague = staff(email="bob@shop.example", role="support_agent")

    press(agent, "save-view", QUERY, name="Mine")
    press(agent, "save-view", f"{QUERY}&livemode__exact=1", name="Ours", role="support_agent")

    assert names(agent) == [("Mine", False), ("Ours", False)]
    assert names(lead) == []
    assert [view.name for view in SavedView.objects.filter(role="support_agent")] == ["Ours"]
    assert not colleague.is_superuser


def test_nobody_shares_with_a_role_that_they_do_not_have(enter_as: EnterAs) -> None:
    agent = enter_as("support_agent")

    refused = press(agent, "save-view", QUERY, name="For you", role="finance_lead")

    assert refused.status_code == 422
    assert not SavedView.objects.exists()
    with pytest.raises(RoleNotYours):
        save_view(
            user=User.objects.get(email="support_agent@shop.example"),
            screen=SCREEN,
            name="For you",
            query=QUERY,
            role="finance_lead",
            now=timezone.now(),
        )


def test_the_same_name_again_replaces_the_view(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")

    for query in (QUERY, "status__exact=pending"):
        press(client, "save-view", query, name="Mine")

    assert SavedView.objects.get().query == "status__exact=pending"


def test_a_view_is_removed_by_who_saved_it(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    press(client, "save-view", QUERY, name="Ours", role="support_agent")
    colleague = staff(email="bob@shop.example", role="support_agent")

    with pytest.raises(ViewNotYours):
        remove_view(view=SavedView.objects.get(), user=colleague)
    press(client, "remove-view", QUERY)

    assert not SavedView.objects.exists()


def test_there_is_an_end_to_views() -> None:
    setup_roles()
    ana = staff(role="support_agent")
    for number in range(VIEWS_MAX):
        save_view(user=ana, screen=SCREEN, name=str(number), query=QUERY, now=timezone.now())

    with pytest.raises(TooManyViews):
        save_view(user=ana, screen=SCREEN, name="more", query=QUERY, now=timezone.now())
    save_view(user=ana, screen=SCREEN, name="0", query="", now=timezone.now())
    assert SavedView.objects.count() == VIEWS_MAX


def opened_from_the_sidebar(client: Client) -> str:
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    links: list[str] = [item["link"] for group in groups for item in group["items"]]
    return next(link for link in links if link.startswith(list_url().rstrip("?")))


def test_a_list_opens_with_one_s_default_view_and_with_nobody_else_s(enter_as: EnterAs) -> None:
    agent, lead = enter_as("support_agent"), enter_as("support_lead")

    press(agent, "save-view", QUERY, name="Failed", is_default="on", role="support_agent")

    assert opened_from_the_sidebar(agent) == list_url(QUERY)
    assert opened_from_the_sidebar(lead) == list_url().rstrip("?")
    shown = agent.get(list_url(QUERY))
    (active,) = [
        item for group in shown.context["sidebar_navigation"] for item in group["items"]
        if item["active"]
    ]  # fmt: skip
    assert active["title"] == "Refunds"


def test_a_new_default_takes_the_place_of_the_old_one(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")

    press(client, "save-view", QUERY, name="Failed", is_default="on")
    press(client, "save-view", "status__exact=pending", name="Open", is_default="on")
    press(client, "save-view", "livemode__exact=1", name="Live")

    assert opened_from_the_sidebar(client) == list_url("status__exact=pending")
    assert [view.name for view in SavedView.objects.filter(is_default=True)] == ["Open"]


def test_a_removed_default_leaves_the_whole_list(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    press(client, "save-view", QUERY, name="Failed", is_default="on")

    press(client, "remove-view", QUERY)

    assert opened_from_the_sidebar(client) == list_url().rstrip("?")


def test_postgresql_refuses_a_second_default() -> None:
    ana = staff()
    now = timezone.now()
    save_view(user=ana, screen=SCREEN, name="1", query=QUERY, is_default=True, now=now)
    second = SavedView(
        owner=ana, screen=SCREEN, name="2", query=QUERY, is_default=True, saved_at=now
    )

    with pytest.raises(IntegrityError, match="one_default_view"), transaction.atomic():
        second.save()


def new_requests(count: int, status: str) -> None:
    now = timezone.now()
    Approval.objects.bulk_create(
        Approval(
            merchant_id="mer_test",
            livemode=False,
            kind="refund",
            subject_id=f"re_{status}_{number}",
            status=status,
            requested_by="staff:ana@shop.example",
            requested_at=now,
            expires_at=now,
            decided_at=None if status == "pending" else now,
        )
        for number in range(count)
    )


def test_the_views_say_how_much_waits_in_them(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    place = reverse("admin:backoffice_approval_list_dialog", args=["save-view"])
    for status in ("expired", "pending", "approved"):
        fields = {"nonce": str(uuid.uuid4()), "name": status}
        client.post(f"{place}?status__exact={status}", fields)
    new_requests(3, "expired")
    new_requests(COUNTED_MOST + 1, "pending")

    with CaptureQueriesContext(connection) as statements:
        answer = client.get(reverse("admin:backoffice_approval_counts"))

    names_of = {str(view.pk): view.name for view in SavedView.objects.all()}
    shown = {names_of[key]: number for key, number in answer.json()["views"].items()}
    assert shown == {"expired": "3", "pending": "99+", "approved": "0"}
    assert len(statements) <= 12
    counting = [s["sql"] for s in statements if "UNION ALL" in s["sql"]]
    assert [sql.count("LIMIT 100") for sql in counting] == [3]


def test_without_views_nothing_is_counted(enter_as: EnterAs) -> None:
    new_requests(1, "pending")

    client = enter_as("support_agent")

    counted = client.get(reverse("admin:backoffice_approval_counts")).json()

    assert counted == {"views": {}, "days": ""}


def test_who_may_not_see_a_list_gets_no_numbers_of_it(enter_as: EnterAs) -> None:
    client = enter_as("developer")

    assert client.get(reverse("admin:fraud_review_counts")).status_code == 403
