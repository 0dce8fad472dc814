"""Who may see and do what: the committed table of roles, asked of every page and dialog."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.backoffice.services.people import UnknownPermission, setup_roles
from config.roles import ROLES
from tests.backoffice.house import House, furnish
from tests.backoffice.matrix import read_table, screens
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
FORBIDDEN, OK, UNPROCESSABLE = "403", "200", "422"

# Role -> what it may see (models) and do (dialogs), written by hand. The generated table
# (matrix.csv) has to agree: a slip in config/roles.py does not pass by writing that anew.
MATRIX: dict[str, tuple[str, str]] = {
    "support_agent": (
        "approval customer invoice mandate paymentintent paymentmethod refund session setupintent"
        " subscription",
        "bulk-refund refund retry",
    ),
    "support_lead": (
        "approval customer dispute event invoice mandate paymentintent paymentmethod refund session"
        " setupintent subscription"
        " fraudreport",
        "bulk-refund cancel cancel-subscription capture change-plan expire pause-collection"
        " refund resume-subscription"
        " refund-to-prevent retry"
        " block-customer erase-person export-person",
    ),
    "finance": (
        "account approval customer dispute dunningpolicy event invoice journalentry"
        " paymentintent paymentmethod paymentorder payout refund revenuechange seller subscription"
        " disputepolicy exchangerate mandate session setupintent transfer"
        " fraudreport",
        "assign bulk-assign bulk-refund cancel-payout charge-invoice evidence pay-out refund upload"
        " void-invoice write-off-invoice"
        " refund-to-prevent retry",
    ),
    "finance_lead": (
        "account approval customer dispute dunningpolicy event invoice journalentry"
        " paymentintent paymentmethod paymentorder payout refund revenuechange seller subscription"
        " disputepolicy exchangerate mandate session setupintent transfer"
        " fraudreport",
        "accept assign begin-orders bulk-assign bulk-refund cancel cancel-payout"
        " cancel-subscription capture change-orders"
        " change-plan charge-invoice evidence expire pause-collection pay-out refund resume"
        " resume-subscription submit-evidence suspend upload void-invoice"
        " write-off-invoice"
        " refund-to-prevent retry",
    ),
    "risk": (
        "approval customer event mandate paymentintent paymentmethod refund review rule session"
        " setupintent valuelist valuelistitem"
        " fraudreport",
        "approve assign block block-customer bulk-assign decline draft new-list publish put"
        " revise shadow take",
    ),
    "risk_lead": (
        "approval customer event mandate paymentintent paymentmethod refund review rule session"
        " setupintent valuelist valuelistitem"
        " fraudreport",
        "approve assign block block-customer bulk-assign"
        " cancel decline draft expire new-list publish put restore retire revise shadow take",
    ),
    "ops": (
        "delivery event inboundevent loggedrequest message paymentintent refund routingrule"
        " webhookendpoint",
        "add change create disable discard enable fail-back force-failover replay resend"
        " resend-several resend-since rotate simulate switch-off switch-on test verify",
    ),
    "auditor": (
        "account apikey approval customer delivery dispute dunningpolicy event"
        " inboundevent invoice journalentry loggedrequest message paymentintent"
        " paymentmethod paymentorder payout refund revenuechange routingrule"
        " seller transfer exchangerate staffaction"
        " disputepolicy mandate session setupintent staffsession subscription testclock user"
        " webhookendpoint"
        " fraudreport",
        "verify",
    ),
    "developer": (
        "apikey delivery event inboundevent invoice loggedrequest message paymentintent"
        " refund session setupintent subscription testclock webhookendpoint",
        "advance-clock create create-clock delete-clock disable enable replay-webhook"
        " add resend resend-several resend-since revoke roll rotate test verify",
    ),
    "admin": (
        "approval staffaction staffsession user",
        "end end-sessions invite let-in reset-second-factor role shut-out verify",
    ),
}

# The same for reconciliation.
RECONCILERS: dict[str, tuple[str, str]] = {
    "finance": (
        "discrepancy reconciliationrun settlement statementfile",
        "assign bulk-assign correct correct-several download-statement ignore ignore-several"
        " match reconcile run-again upload-statement write-off",
    ),
    "finance_lead": (
        "discrepancy reconciliationrun settlement statementfile",
        "assign bulk-assign close-month correct correct-several download-statement ignore"
        " ignore-several match reconcile run-again upload-statement write-off",
    ),
    "auditor": (
        "discrepancy reconciliationrun settlement statementfile",
        "download-statement",
    ),
}

# The same for reports.
REPORTERS: dict[str, tuple[str, str]] = dict.fromkeys(
    ("finance", "finance_lead", "auditor"),
    ("reportrun", "download-report export-report keep-report"),
)

# What everybody has, whatever their role: their own account and files.
EVERYBODY = ("export profile", "download end-others recovery-codes retry")


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def expected(role: str, part: int) -> list[str]:
    """Return the screens (part 0) or dialogs (part 1) of a role, each once."""
    tables = (
        MATRIX[role],
        RECONCILERS.get(role, ("", "")),
        REPORTERS.get(role, ("", "")),
        EVERYBODY,
    )
    return sorted({name for table in tables for name in table[part].split()})


def test_the_table_names_every_role() -> None:
    assert sorted(MATRIX) == sorted(ROLES)


@pytest.mark.parametrize("role", sorted(MATRIX))
def test_a_role_sees_its_lists_and_no_others(role: str) -> None:
    answers = read_table()[role]

    seen = {
        str(screen.opts.model_name)
        for screen in screens()
        if answers[f"/admin/{screen.opts.app_label}/{screen.opts.model_name}/", "GET*"] == OK
    }

    assert sorted(seen) == expected(role, 0)


@pytest.mark.parametrize("role", sorted(MATRIX))
def test_a_role_opens_and_sends_its_dialogs_and_no_others(role: str) -> None:
    answers = read_table()[role]
    allowed = set()

    for screen in screens():
        model = str(screen.opts.model_name)
        folder = f"/admin/{screen.opts.app_label}/{model}/"
        addresses = {f"{folder}do/{kind.name}/": kind.name for kind in screen.list_dialogs}
        addresses |= {f"{folder}<id>/do/{kind.name}/": kind.name for kind in screen.dialogs}
        for address, dialog in addresses.items():
            opened, sent = answers[address, "GET*"], answers[address, "POST"]
            assert (opened, sent) in {(OK, UNPROCESSABLE), (FORBIDDEN, FORBIDDEN)}, address
            if opened == OK and model != "approval":
                is_second = dialog == "replay" and role == "developer"
                allowed.add("replay-webhook" if is_second else dialog)

    assert sorted(allowed) == expected(role, 1)


@pytest.mark.parametrize("role", sorted(MATRIX))
def test_the_sidebar_and_the_first_page_offer_only_what_opens(
    house: House, enter_as: EnterAs, role: str
) -> None:
    client = enter_as(role)

    page = client.get(reverse("admin:index"))

    links = [
        item["link"] for group in page.context["sidebar_navigation"] for item in group["items"]
    ]
    links += [item["url"] for item in page.context["cards"]]
    assert {client.get(link).status_code for link in links} == {200}


def test_who_may_not_see_people_sees_masked_addresses(house: House, enter_as: EnterAs) -> None:
    url = reverse("admin:customers_customer_changelist")

    assert "ada@payer.example" in enter_as("support_agent").get(url).content.decode()
    masked = enter_as("auditor").get(url).content.decode()
    assert "a•••@payer.example" in masked
    assert "ada@payer.example" not in masked


def test_setting_roles_up_twice_changes_nothing_and_a_stray_role_loses_its_rights() -> None:
    call_command("setup_roles", verbosity=0)
    stray = Group.objects.create(name="retired")
    stray.permissions.set(Group.objects.get(name="finance").permissions.all())

    assert setup_roles() == len(ROLES)

    assert Group.objects.count() == len(ROLES) + 1
    assert stray.permissions.count() == 0
    assert Group.objects.get(name="finance").permissions.count() == len(set(ROLES["finance"]))


def test_a_role_with_an_unknown_permission_is_refused_as_a_whole(settings: Any) -> None:
    settings.BACKOFFICE_ROLES = "tests.backoffice.test_roles.BROKEN"

    with pytest.raises(UnknownPermission, match=r"clerk: payments\.view_moon"):
        setup_roles()

    assert not Group.objects.exists()


BROKEN = {"auditor": ("payments.view_refund",), "clerk": ("payments.view_moon",)}
