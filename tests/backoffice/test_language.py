"""The back-office in German: asked for by the browser, English for everybody else."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.test import Client
from django.urls import reverse

from apps.backoffice.models import StaffAction
from config.backoffice import CARDS, SIDEBAR
from config.empty_lists import EMPTY_LISTS
from tests.backoffice.house import House, furnish
from tests.backoffice.labels import labels, untranslatable_outcomes
from tests.fake_gateway import FakeGateway

EnterAs = Callable[[str], Client]
CATALOGUE = Path("apps/backoffice/locale/de/LC_MESSAGES")


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def read(client: Client, url: str, language: str) -> str:
    return client.get(url, headers={"Accept-Language": language}).content.decode()


def test_a_german_reader_reads_german(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")
    page = reverse("admin:payments_paymentintent_change", args=[house.paid.id])
    dialog = reverse("admin:payments_paymentintent_dialog", args=[house.paid.id, "refund"])
    german = "de-AT,de;q=0.9,en;q=0.5"

    first = read(client, "/admin/", german)
    listed = read(client, reverse("admin:payments_paymentintent_changelist"), german)

    assert "Arbeit, die wartet" in first
    assert "Zahlungen ohne Ergebnis" in first
    assert "Genehmigungsquote" in first
    assert "Erfolgreich" in listed
    assert "Betrag" in listed
    assert "Verlauf" in read(client, page, german)
    assert "Kann erstattet werden" in read(client, dialog, german)


@pytest.mark.parametrize("language", ["", "en-GB", "fr,es;q=0.5", "nonsense;;q=x"])
def test_everybody_else_reads_english(house: House, enter_as: EnterAs, language: str) -> None:
    assert "Work that waits" in read(enter_as("support_lead"), "/admin/", language)


def test_one_reader_s_language_is_not_the_next_one_s(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")

    read(client, "/admin/", "de")

    assert "Work that waits" in read(client, "/admin/", "en")


def test_the_catalogue_is_compiled_as_it_is_written() -> None:
    with (
        (CATALOGUE / "django.po").open("rb") as written,
        (CATALOGUE / "django.mo").open("rb") as compiled,
    ):
        texts = {message.id: message.string for message in read_po(written) if message.id}
        assert {message.id: message.string for message in read_mo(compiled) if message.id} == texts
    assert all(texts.values())


def test_every_label_of_the_back_office_is_said_in_german() -> None:
    with (CATALOGUE / "django.po").open("rb") as written:
        known = {message.id for message in read_po(written)}
    entries = {entry[0] for group in SIDEBAR.values() for entry in group}
    said = labels() | entries | set(filter(None, SIDEBAR)) | set(EMPTY_LISTS.values())
    said |= {text for card in CARDS for text in (card.label, card.hint)}

    assert sorted(said - known) == []


def test_every_outcome_is_a_text_with_named_places() -> None:
    # A refusal of the domain has its own words, which are those of the API.
    refusals = Path("apps/backoffice/kit/dialog_views.py")

    assert [place for place in untranslatable_outcomes() if str(refusals) not in place] == []


def test_what_came_of_a_dialog_is_told_in_german_and_kept_in_english(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("support_lead")
    url = reverse("admin:payments_paymentintent_dialog", args=[house.paid.id, "refund"])
    answers = {"amount": "4.00", "cause": "duplicate", "reason": "Twice."}

    answer = client.post(
        url,
        {"nonce": str(uuid.uuid4()), **answers},
        headers={"Accept-Language": "de"},
        follow=True,
    )

    (told,) = [str(message) for message in answer.context["messages"]]
    assert told.startswith("4.00\u00a0EUR ist auf dem Weg zurück zum Zahler (re_")
    kept = StaffAction.objects.get().outcome
    assert kept.startswith("4.00\u00a0EUR is on its way back to the payer (re_")


def test_support_copies_a_message_in_the_reader_s_language(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")
    url = reverse("admin:payments_refund_change", args=[house.refund.id])

    assert "We have sent 0.50\u00a0EUR back to your Visa •••• 4242." in read(client, url, "en")
    assert "Wir haben 0.50\u00a0EUR auf Ihre Visa •••• 4242 zurückgesandt." in read(
        client, url, "de"
    )
