"""The dispute workspace without a browser: what a crafted request cannot do, and what is fast."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.api.models import Merchant
from apps.backoffice.kit.columns import plain
from apps.common.origin import Scope
from apps.disputes.admin.display import answering_in_words
from apps.disputes.compelling import read_draft
from apps.disputes.models import Dispute, DisputeCase, DisputePolicy, Submission
from apps.disputes.selectors import find_compelling_payments, read_buffers
from apps.disputes.states import ANSWERABLE, DisputeStatus
from apps.gateways.base import DisputeState
from apps.webhooks.models import InboundEvent
from tests.backoffice.house import House, furnish
from tests.conftest import ApiClient
from tests.disputes.stories import move_back, paid, paid_to, tell
from tests.disputes.test_suggestions import pay
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import FakeGateway
from tests.races import race

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
QUEUE = "/admin/disputes/dispute/"
FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def do(house: House, dialog: str) -> str:
    """Return the address of a dialog of the dispute."""
    return f"/admin/disputes/dispute/{house.dispute.id}/do/{dialog}/"


def test_a_crafted_request_submits_no_second_time(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    client = enter_as("finance_lead")
    url = do(house, "submit-evidence")

    first = client.post(url, {"nonce": FIRST, "is_final": "on"})
    second = client.post(url, {"nonce": SECOND, "is_final": "on"})

    assert (first.status_code, second.status_code) == (302, 422)
    assert "was submitted already" in second.content.decode()
    assert gateway.count("submit_evidence") == 1


@pytest.mark.django_db(transaction=True)
def test_ac_087_pressing_submit_and_calling_the_api_at_once_sends_one(
    enter_as: EnterAs, api: ApiClient, merchant: Merchant, gateway: FakeGateway
) -> None:
    _, payment = paid_to(merchant, gateway)
    dispute = tell(gateway.open_dispute(payment, now=timezone.now()))
    path = f"/v1/disputes/{dispute.id}"
    api.post(path, {"evidence": {"customer_name": "Ada"}})
    client = enter_as("finance_lead")
    screen = f"/admin/disputes/dispute/{dispute.id}/do/submit-evidence/"

    pressed, called = race(
        dispute,
        lambda: client.post(screen, {"nonce": FIRST, "is_final": "on"}).status_code,
        lambda: api.post(path, {"submit": True}).status_code,
    )

    # Whoever comes second is refused.
    assert (pressed, called) in {(302, 409), (422, 200)}
    assert Submission.objects.count() == 1
    assert gateway.count("submit_evidence") == 1


def test_without_the_tick_nothing_is_submitted(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    answer = enter_as("finance_lead").post(do(house, "submit-evidence"), {"nonce": FIRST})

    assert answer.status_code == 422
    assert not Submission.objects.exists()
    assert gateway.count("submit_evidence") == 0


def test_finance_drafts_but_only_the_lead_submits_or_accepts(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("finance")

    saved = client.post(do(house, "evidence"), {"nonce": FIRST, "customer_name": "Ada"})
    refused = [
        client.post(do(house, dialog), {"nonce": SECOND}).status_code
        for dialog in ("submit-evidence", "accept")
    ]

    assert saved.status_code == 302
    assert DisputeCase.objects.get(pk=house.dispute.id).evidence == {"customer_name": "Ada"}
    assert refused == [403, 403]


def test_the_queue_stays_at_a_few_statements(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance_lead")
    queue: Any = {"status__in": "needs_response,warning_needs_response"}

    with CaptureQueriesContext(connection) as statements:
        page = client.get("/admin/disputes/dispute/", queue)

    assert house.dispute.id in page.content.decode()
    assert "6 days left" in page.content.decode()
    assert len(statements) <= 12


def test_the_deadlines_of_several_merchants_take_one_statement(house: House) -> None:
    scopes = [Scope("mer_test", livemode=False), Scope("mer_other", livemode=False)]
    DisputePolicy.objects.filter(merchant_id="mer_test").delete()
    DisputePolicy.objects.create(merchant_id="mer_other", livemode=False, buffer_hours=7)
    DisputePolicy.objects.create(merchant_id="mer_other", livemode=True, buffer_hours=9)

    with CaptureQueriesContext(connection) as statements:
        buffers = read_buffers(scopes)

    assert [buffers[scope] for scope in scopes] == [timedelta(hours=24), timedelta(hours=7)]
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("buffer", "found"),
    # The gateway of the house waits for a week.
    [(None, []), (47, []), (49, ["5d"]), (118, ["5d"]), (120, ["48h", "5d"])],
)
def test_what_is_due_soon_is_found_by_our_own_deadline(
    house: House, enter_as: EnterAs, buffer: int | None, found: list[str]
) -> None:
    DisputePolicy.objects.all().delete()
    if buffer is not None:
        DisputePolicy.objects.create(merchant_id="mer_test", livemode=False, buffer_hours=buffer)
    client = enter_as("finance_lead")

    def shown(within: str) -> bool:
        rows = client.get(QUEUE, {"due": within}).context["cl"].result_list
        return house.dispute.pk in [row.pk for row in rows]

    assert [within for within in ("48h", "5d") if shown(within)] == found
    assert shown("nonsense")
    client.post(do(house, "submit-evidence"), {"nonce": FIRST, "is_final": "on"})
    assert not shown("5d")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Yes"),
        ({"due_at": timezone.now()}, "No: the gateway's deadline has passed."),
        ({"submitted_at": timezone.now()}, "No: the evidence was sent, and banks read it once."),
        ({"status": "under_review"}, "No: the bank looks at what was sent."),
        ({"status": "lost"}, "No: the bank has decided."),
        ({"status": "accepted"}, "No: we have given it up."),
        ({"status": "expired"}, "No: nobody answered in time."),
        ({"status": "prevented"}, "No: it ended without a decision of the bank."),
    ],
)
def test_a_dispute_says_why_nothing_can_be_sent(changes: dict[str, Any], said: str) -> None:
    dispute = Dispute(**{"status": "needs_response", **changes})

    assert answering_in_words(dispute, now=timezone.now()) == said


def test_every_status_says_whether_it_can_be_answered(house: House, enter_as: EnterAs) -> None:
    statuses = [each for each in DisputeStatus if each != DisputeStatus.OPENED]

    said = {each: answering_in_words(Dispute(status=each), now=timezone.now()) for each in statuses}
    page = enter_as("finance").get(f"/admin/disputes/dispute/{house.dispute.id}/change/")

    assert [each for each in statuses if said[each] == "Yes"] == sorted(ANSWERABLE, reverse=True)
    (deadline,) = [panel for panel in page.context["page"].side if panel.title == "Deadline"]
    assert dict(deadline.rows)["Can be answered"] == "Yes"


def test_the_queue_says_how_far_a_dispute_has_gone_and_whose_it_is(
    house: House, enter_as: EnterAs
) -> None:
    screen: Any = admin.site.get_model_admin(Dispute)
    house.dispute.stage, house.dispute.customer_id = "pre_arbitration", "cus_7"

    assert plain(screen.amount_disputed(house.dispute)).endswith("EUR Pre arbitration")
    assert plain(screen.what(house.dispute)).endswith(f"{house.dispute.intent_id} cus_7")


def test_the_timeline_tells_who_changed_the_draft_and_who_has_the_work(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("finance")
    client.post(do(house, "evidence"), {"nonce": FIRST, "customer_name": "Ada"})
    client.post(do(house, "assign"), {"nonce": SECOND})

    page = client.get(f"/admin/disputes/dispute/{house.dispute.id}/change/").content.decode()

    assert "Draft: " in page
    assert "Customer&#x27;s name" in page
    assert "Assigned to finance@" in page


def test_the_packet_is_shown_in_a_sandbox_and_only_to_who_may_see_people(
    house: House, enter_as: EnterAs
) -> None:
    url = f"/admin/disputes/dispute/{house.dispute.id}/packet/"

    shown = enter_as("finance").get(url)
    refused = enter_as("auditor").get(url)

    assert (shown.status_code, shown["Content-Type"]) == (200, "application/pdf")
    assert shown["Content-Security-Policy"].endswith("sandbox")
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert refused.status_code == 403


def test_ac_089_the_page_shows_what_answers_visas_fraud(
    enter_as: EnterAs, gateway: FakeGateway
) -> None:
    now = timezone.now()
    earlier = [pay(gateway, now=now) for _ in range(2)]
    for days, attempt in zip((150, 300), earlier, strict=True):
        move_back(attempt, days)
    pay(gateway, now=now)
    confirmed_intent(amount=1000)
    payments = list(gateway.payments.values())
    dispute, stranger = (tell(gateway.open_dispute(payment, now=now)) for payment in payments[2:4])
    client = enter_as("finance")

    pages = [
        client.get(f"/admin/disputes/dispute/{each.id}/change/").content.decode()
        for each in (dispute, stranger)
    ]

    assert "Compelling evidence 3.0: the same IP address, device" in pages[0]
    found = find_compelling_payments(dispute)
    assert found is not None
    assert [each.charge_id in pages[0] for each in found.earlier] == [True, True]
    assert "No two undisputed payments by this card" in pages[1]


def test_ac_089_one_tick_names_the_earlier_payments(
    enter_as: EnterAs, gateway: FakeGateway
) -> None:
    now = timezone.now()
    earlier = [pay(gateway, now=now) for _ in range(2)]
    for days, attempt in zip((150, 300), earlier, strict=True):
        move_back(attempt, days)
    pay(gateway, now=now)
    dispute = tell(gateway.open_dispute(list(gateway.payments.values())[2], now=now))
    client = enter_as("finance_lead")
    url = f"/admin/disputes/dispute/{dispute.id}"

    client.post(f"{url}/do/evidence/", {"nonce": FIRST, "customer_name": "Ada"})
    without = client.get(f"{url}/do/submit-evidence/").content.decode()
    client.post(f"{url}/do/evidence/", {"nonce": SECOND, "compelling": "on"})
    with_them = client.get(f"{url}/do/submit-evidence/").content.decode()

    named = read_draft(DisputeCase.objects.get(pk=dispute.id).evidence)
    assert len(named["prior_undisputed_transactions"]) == 2
    assert ["Compelling evidence 3.0" in page for page in (without, with_them)] == [True, False]
    page = client.get(f"{url}/change/").content.decode()
    assert "(in the draft)" in page
    assert "Draft: Customer&#x27;s name, Compelling evidence 3.0" in page


def test_the_page_shows_how_similar_disputes_ended(enter_as: EnterAs, gateway: FakeGateway) -> None:
    disputes = []
    for _ in range(3):
        _, payment = paid(gateway)
        disputes.append(tell(gateway.open_dispute(payment, now=timezone.now())))
    won, open_one, looked_at = disputes
    tell(gateway.move_dispute(won.gateway_reference, state=DisputeState.WON, submissions=1))

    url = f"/admin/disputes/dispute/{looked_at.id}/change/"
    page = enter_as("finance").get(url).content.decode()

    similar = page[page.index("How similar disputes ended") :]
    assert won.id in similar
    assert "Answered" in similar
    assert open_one.id not in page


def test_the_queue_says_when_what_gateways_told_was_not_heard(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("finance")
    warning = "Gateways told of disputes 7 minutes ago"
    before = client.get("/admin/disputes/dispute/").content.decode()

    InboundEvent.objects.filter(pk=house.webhook.pk).update(
        kind="dispute",
        status="received",
        received_at=timezone.now() - timedelta(minutes=7, seconds=5),
    )
    after = client.get("/admin/disputes/dispute/").content.decode()

    assert [warning in page for page in (before, after)] == [False, True]
    assert "What falls due" in after
