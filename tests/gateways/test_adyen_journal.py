"""What Adyen told is kept once, in PostgreSQL, unreadable at rest and for good."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from apps.gateways.adyen.journal import Fact, collect_facts
from apps.gateways.adyen.stored_journal import StoredJournal

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ANSWER = Fact(
    code="answer:RedirectShopper",
    success=True,
    reference="att_1",
    payment_reference="",
    merchant_reference="att_1",
    amount=1050,
    currency="EUR",
    occurred_at=AT,
    details={"tokenization.storedPaymentMethodId": "8416038790273850"},
)
AUTHORISATION = replace(
    ANSWER, code="AUTHORISATION", reference="PSP1", payment_reference="PSP1", details={}
)
CAPTURE = replace(AUTHORISATION, code="CAPTURE", reference="PSP2", merchant_reference="")


@pytest.mark.django_db
def test_a_fact_told_twice_is_kept_once() -> None:
    journal = StoredJournal("adyen_main")

    journal.note([ANSWER, AUTHORISATION])
    journal.note([AUTHORISATION, CAPTURE])

    assert journal.find({"PSP1"}) == [AUTHORISATION, CAPTURE]


@pytest.mark.django_db
@pytest.mark.parametrize("reference", ["att_1", "PSP1"])
def test_all_facts_of_a_payment_are_found_by_either_reference(reference: str) -> None:
    journal = StoredJournal("adyen_main")
    journal.note([ANSWER, AUTHORISATION, CAPTURE])

    assert collect_facts(journal, reference) == [ANSWER, AUTHORISATION, CAPTURE]


@pytest.mark.django_db
def test_another_account_s_facts_are_not_seen() -> None:
    StoredJournal("adyen_main").note([ANSWER])

    assert StoredJournal("adyen_other").find({"att_1"}) == []


@pytest.mark.django_db
def test_the_token_in_a_fact_is_encrypted_at_rest() -> None:
    StoredJournal("adyen_main").note([ANSWER])

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(f)::text FROM gateways_adyenfact f")
        (row,) = cursor.fetchone()
    assert "8416038790273850" not in row


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", ["UPDATE gateways_adyenfact SET amount = 1", "DELETE FROM gateways_adyenfact"]
)
def test_the_database_refuses_to_change_what_was_told(change: str) -> None:
    journal = StoredJournal("adyen_main")
    journal.note([ANSWER])

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)

    assert journal.find({"att_1"}) == [ANSWER]
