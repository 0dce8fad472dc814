"""Every page of the back-office: it opens, it is fast, and looking changes nothing."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.api.services import create_merchant
from apps.backoffice.kit.lists import PreparedList
from apps.backoffice.kit.objects import ObjectAdmin
from apps.common.ids import id_at
from apps.customers.models import Customer
from config.empty_lists import EMPTY_LISTS
from tests.backoffice.house import House, furnish
from tests.fake_gateway import FakeGateway

MAX_STATEMENTS_OF_A_LIST = 12
SCREENS = Path("docs/screens.md")

_HREF = re.compile(r'href="(/admin/[^"#]*|\?[^"#]*)"')
_DIGEST = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
# What a session writes about itself.
_SESSIONS = {"django_session", "backoffice_staffsession"}


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def screens() -> list[ObjectAdmin]:
    return [screen for screen in admin.site._registry.values() if isinstance(screen, ObjectAdmin)]


def list_url(screen: ObjectAdmin) -> str:
    return reverse(f"admin:{screen.opts.app_label}_{screen.opts.model_name}_changelist")


@pytest.fixture
def all_lists() -> list[str]:
    return [list_url(screen) for screen in screens()]


def test_every_model_of_the_admin_stands_on_the_kit() -> None:
    # What is registered otherwise could be edited, or be slow.
    others = [model for model, screen in admin.site._registry.items() if screen not in screens()]

    assert others == []


def test_lists_answer_within_twelve_statements(
    house: House, superuser_client: Client, all_lists: list[str]
) -> None:
    for url in all_lists:
        with CaptureQueriesContext(connection) as statements:
            response = superuser_client.get(url)

        assert response.status_code == 200, url
        assert len(statements) <= MAX_STATEMENTS_OF_A_LIST, (url, [s["sql"] for s in statements])
        counts = [s["sql"] for s in statements if re.match(r"SELECT COUNT\(\*\)", s["sql"])]
        assert all("backoffice_approval" in sql for sql in counts), (url, counts)
        # The choices of a filter are known; to look for them would read the whole table.
        choices = [s["sql"] for s in statements if s["sql"].startswith('SELECT DISTINCT "')]
        assert choices == [], url


def test_looking_at_everything_changes_nothing(house: House, superuser_client: Client) -> None:
    before = rows_of_all_tables()

    visited = crawl(superuser_client, reverse("admin:index"))

    assert rows_of_all_tables() == before
    assert len(visited) > 80
    assert any("/do/refund/" in url for url in visited)


@pytest.mark.slow
@pytest.mark.django_db
def test_looking_at_the_demo_changes_nothing(
    gateway: FakeGateway, superuser_client: Client, tmp_path: Path
) -> None:
    call_command("seed_demo", credentials=tmp_path / "c.json", payments=60, verbosity=0)
    before = rows_of_all_tables()

    opened = 0
    for screen in screens():
        for row in superuser_client.get(list_url(screen)).context["cl"].result_list:
            name = f"admin:{screen.opts.app_label}_{screen.opts.model_name}_change"
            url = reverse(name, args=[row.pk])
            assert superuser_client.get(url).status_code == 200, url
            opened += 1

    assert rows_of_all_tables() == before
    assert opened > 200


def crawl(client: Client, start: str) -> set[str]:
    """Open every page that is linked from `start`, as far as it goes; none may break."""
    visited: set[str] = set()
    waiting = [start]
    while waiting:
        url = waiting.pop()
        # One filter at a time: all combinations would be thousands of pages.
        if url in visited or "&" in url or "/logout/" in url or "/jsi18n/" in url:
            continue
        visited.add(url)
        response = client.get(url, follow=True)
        assert response.status_code == 200, (url, response.status_code)
        if not response["Content-Type"].startswith("text/html"):
            continue
        base = url.partition("?")[0]
        links = [html.unescape(link) for link in _HREF.findall(response.content.decode())]
        waiting += [base + link if link.startswith("?") else link for link in links]
    return visited


def rows_of_all_tables() -> dict[str, Any]:
    with connection.cursor() as cursor:
        tables = [t for t in connection.introspection.table_names(cursor) if t not in _SESSIONS]
        rows = {}
        for table in tables:
            cursor.execute(_DIGEST.format(table=table))
            rows[table] = cursor.fetchone()
        return rows


@pytest.mark.parametrize(
    "find",
    [
        lambda house: house.paid.id,
        lambda house: house.paid.latest_attempt_id,
        lambda house: house.paid.latest_charge_id,
        lambda house: house.refund.id,
        lambda house: house.customer.id,
        lambda house: f"pi_fake_{house.paid.latest_attempt_id}",
    ],
)
def test_a_payment_is_found_by_every_id_that_belongs_to_it(
    house: House, superuser_client: Client, find: Callable[[House], str]
) -> None:
    response = superuser_client.get(
        reverse("admin:payments_paymentintent_changelist"), {"q": find(house)}
    )

    assert [row.id for row in response.context["cl"].result_list] == [house.paid.id]


@pytest.mark.parametrize("term", ["pi_nothing", "%", "' OR 1=1", "nobody@payer.example"])
def test_a_search_for_nothing_finds_nothing(
    house: House, superuser_client: Client, all_lists: list[str], term: str
) -> None:
    for url in all_lists:
        response = superuser_client.get(url, {"q": term})

        assert response.status_code == 200, url
        assert response.context["cl"].result_list == [], url


def test_the_table_of_screens_names_all_of_them_with_pictures_and_tests_that_exist() -> None:
    lines = re.findall(r"^\| (\d+) \| .*$", SCREENS.read_text(), re.MULTILINE)
    text = SCREENS.read_text()
    addresses = {f"/admin/{path}" for path in re.findall(r"`([a-z]+/[a-z]+/)`", text)}

    assert [int(number) for number in lines] == list(range(1, 25))
    assert addresses <= {list_url(screen) for screen in screens()}
    assert all((SCREENS.parent / picture).exists() for picture in re.findall(r"\((\S+png)\)", text))
    assert all(Path(test).exists() for test in re.findall(r"`(tests/[^`]+)`", text))


@pytest.mark.django_db
def test_an_empty_list_says_so_in_words(superuser_client: Client) -> None:
    empty = []
    for screen in screens():
        response = superuser_client.get(list_url(screen))

        assert screen.opts.label_lower in EMPTY_LISTS
        if not response.context["cl"].result_list:
            empty.append(screen)
            text = html.unescape(response.content.decode())
            assert EMPTY_LISTS[screen.opts.label_lower] in text, list_url(screen)
            nothing = superuser_client.get(list_url(screen), {"q": "pi_nothing"})
            assert "Nothing matches." in nothing.content.decode(), list_url(screen)

    # Who looks is a person with a session.
    assert len(screens()) - len(empty) == 3


@pytest.mark.django_db
def test_unknown_objects_are_not_found(superuser_client: Client) -> None:
    for screen in screens():
        name = f"admin:{screen.opts.app_label}_{screen.opts.model_name}_change"
        for id_ in ("nothing", "0", "-1", "pi_%00"):
            assert superuser_client.get(reverse(name, args=[id_])).status_code == 404, (name, id_)


@pytest.mark.django_db
def test_posting_to_a_page_changes_nothing(house: House, superuser_client: Client) -> None:
    before = rows_of_all_tables()

    for screen in screens():
        superuser_client.post(
            list_url(screen), {"action": "delete_selected", "_selected_action": 1}
        )
    url = reverse("admin:payments_paymentintent_change", args=[house.paid.id])
    superuser_client.post(url, {"amount": 1, "_save": "1"})

    assert rows_of_all_tables() == before


def test_pages_say_whether_more_follow(house: House, superuser_client: Client) -> None:
    url = reverse("admin:outbox_event_changelist")

    first = superuser_client.get(url)

    assert bool(first.context["cl"].older_url) is (len(first.context["cl"].result_list) == 25)
    assert first.context["cl"].result_list == sorted(
        first.context["cl"].result_list, key=lambda event: event.id, reverse=True
    )


def test_money_is_shown_with_the_decimals_of_its_currency(
    house: House, superuser_client: Client
) -> None:
    text = superuser_client.get(reverse("admin:payments_paymentintent_changelist")).content.decode()

    assert "10.50\u00a0EUR" in text
    assert "2,000\u00a0JPY" in text
    assert "123.40\u00a0EUR" in text


def test_the_list_is_narrowed_by_time_without_a_column_of_dates(
    house: House, superuser_client: Client
) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    url = reverse("admin:customers_customer_changelist")
    new_customer(long_ago)

    everybody = superuser_client.get(url).context["cl"].result_list
    today = superuser_client.get(url, {"created": "1"}).context["cl"].result_list
    odd = superuser_client.get(url, {"created": "x"}).context["cl"].result_list

    assert len(everybody) == len(odd) == 2
    assert [row.id for row in today] == [house.customer.id]


def test_pages_go_on_behind_the_last_row_and_new_rows_move_nothing(
    house: House, superuser_client: Client
) -> None:
    url = reverse("admin:customers_customer_changelist")
    old = timezone.now() - timedelta(days=1)
    made = [new_customer(old + timedelta(seconds=number)) for number in range(60)][::-1]

    first = superuser_client.get(url).context["cl"]
    new_customer(timezone.now())
    second = superuser_client.get(url + first.older_url).context["cl"]
    third = superuser_client.get(url + second.older_url).context["cl"]
    back = superuser_client.get(url + third.newer_url).context["cl"]

    seen = [row.id for page in (first, second, third) for row in page.result_list]
    assert seen == [house.customer.id, *made]
    assert back.result_list == second.result_list
    assert (first.newer_url, third.older_url) == ("", "")


def test_an_impossible_page_is_no_error(superuser_client: Client) -> None:
    for url in (
        reverse("admin:outbox_message_changelist"),
        reverse("admin:backoffice_user_changelist"),
    ):
        response = superuser_client.get(url, {"before": "nonsense"}, follow=True)

        assert response.status_code == 200, url


def new_customer(at: datetime) -> str:
    customer = Customer.objects.create(
        id=id_at("cus", at), merchant_id="mer_test", livemode=False, created_at=at
    )
    return str(customer.pk)


def test_the_page_of_a_payment_leads_to_it_at_the_gateway_beside_ours(
    house: House, superuser_client: Client
) -> None:
    url = reverse("admin:payments_paymentintent_change", args=[house.paid.id])

    text = html.unescape(superuser_client.get(url).content.decode())

    reference = f"pi_fake_{house.paid.latest_attempt_id}"
    assert (
        f'<a class="bo-link" href="https://dashboard.stripe.com/test/payments/{reference}"'
        ' target="_blank" rel="noopener noreferrer">Open at stripe_main ↗</a>'
    ) in text


def test_a_search_without_a_payment_says_that_old_ones_were_looked_through(
    house: House, superuser_client: Client
) -> None:
    url = reverse("admin:payments_paymentintent_changelist")

    text = superuser_client.get(url, {"q": "pi_nothing"}).content.decode()

    assert "Every payment is looked through, however old it is" in text


def test_the_page_of_a_payment_says_what_risk_decided(
    house: House, superuser_client: Client
) -> None:
    url = reverse("admin:payments_paymentintent_change", args=[house.paid.id])

    page = superuser_client.get(url).context["page"]

    (risk,) = [panel for panel in page.side if panel.title == "Risk"]
    assert dict(risk.rows)["Decision"] == "Allow"
    assert dict(risk.rows)["Rules"] == "None matched"


@pytest.mark.django_db
def test_lists_are_planned_for_the_values_of_their_filters(
    superuser_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = []
    read = PreparedList._read_by_key
    session: Any = connection.connection

    def spy(self: PreparedList, request: HttpRequest) -> None:
        thresholds.append(session.prepare_threshold)
        read(self, request)

    monkeypatch.setattr(PreparedList, "_read_by_key", spy)
    before = session.prepare_threshold

    superuser_client.get(reverse("admin:payments_paymentintent_changelist"))

    assert thresholds == [None]
    assert session.prepare_threshold == before == 1


@pytest.mark.parametrize(("chosen", "found"), [("1", 0), ("0", 1), ("x", 1)])
def test_the_mode_is_filtered_by_an_index_that_begins_with_the_merchant(
    house: House, superuser_client: Client, chosen: str, found: int
) -> None:
    # The house's payer is of a merchant without a row of its own.
    merchant = create_merchant(name="Bob's bikes", now=timezone.now())
    Customer.objects.update(merchant_id=merchant.id)
    url = reverse("admin:customers_customer_changelist")

    with CaptureQueriesContext(connection) as statements:
        shown = superuser_client.get(url, {"livemode__exact": chosen}).context["cl"].result_list

    assert len(shown) == found
    narrowed = [s["sql"] for s in statements if '"merchant_id" IN' in s["sql"]]
    assert len(narrowed) == (0 if chosen == "x" else 1)
