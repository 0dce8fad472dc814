import base64
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.api.authentication import digest_of, forget_keys
from apps.api.models import ApiKey, ApiKeyKind, Merchant
from apps.api.services import (
    ApiKeyOptionsInvalid,
    ApiKeyRevoked,
    create_api_key,
    revoke_api_key,
    roll_api_key,
)
from tests.api.resource import Script
from tests.conftest import ApiClient

pytestmark = [pytest.mark.urls("tests.api.resource"), pytest.mark.django_db]


def make_key(merchant: Merchant, **options: Any) -> tuple[ApiKey, str]:
    return create_api_key(merchant=merchant, livemode=False, now=timezone.now(), **options)


def refusal_of(answer: Any) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["code"]


def test_only_the_digest_of_a_key_is_stored(merchant: Merchant) -> None:
    key, secret = make_key(merchant)

    assert secret.startswith("sk_test_")
    assert len(secret) == len("sk_test_") + 64
    assert bytes(ApiKey.objects.values_list("digest", flat=True).get()) == digest_of(secret)
    assert key.display == f"sk_test_...{secret[-4:]}"
    assert secret not in str(ApiKey.objects.values().get())


@pytest.mark.parametrize(
    ("kind", "livemode", "prefix"),
    [
        (ApiKeyKind.SECRET, True, "sk_live_"),
        (ApiKeyKind.RESTRICTED, False, "rk_test_"),
        (ApiKeyKind.PUBLISHABLE, True, "pk_live_"),
    ],
)
def test_the_prefix_says_what_a_key_may_do(
    merchant: Merchant, kind: ApiKeyKind, livemode: bool, prefix: str
) -> None:
    scopes = ["notes:read"] if kind == ApiKeyKind.RESTRICTED else []
    _, secret = create_api_key(
        merchant=merchant, livemode=livemode, now=timezone.now(), kind=kind, scopes=scopes
    )

    assert secret.startswith(prefix)


def test_a_key_is_taken_as_bearer_token_or_as_user_name_of_basic(secret_key: str) -> None:
    basic = base64.b64encode(f"{secret_key}:".encode()).decode()

    for header in (f"Bearer {secret_key}", f"bearer {secret_key}", f"Basic {basic}"):
        answer = Client().get("/v1/notes", headers={"Authorization": header})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "api_key_missing"),
        ("Bearer", "api_key_invalid"),
        ("Bearer sk_test_" + "0" * 64, "api_key_invalid"),
        ("Bearer sk_test_short", "api_key_invalid"),
        ("Bearer é", "api_key_invalid"),
        ("Basic !!!", "api_key_invalid"),
        ("Basic /w==", "api_key_invalid"),
        ("Digest x", "api_key_missing"),
    ],
)
def test_without_a_valid_key_the_answer_is_401_with_a_challenge(header: str, code: str) -> None:
    answer = Client().get("/v1/notes", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert answer.json()["error"]["code"] == code
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_in_the_url_is_refused_even_beside_a_valid_one(api: ApiClient) -> None:
    answer = api.get("/v1/notes", {"api_key": api.secret_key})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "api_key_in_url"
    assert api.secret_key.encode() not in answer.content


def test_revoked_and_expired_keys_are_refused(merchant: Merchant) -> None:
    now = timezone.now()
    key, revoked = make_key(merchant)
    _, expired = make_key(merchant, expires_at=now - timedelta(seconds=1))
    assert ApiClient(revoked).get("/v1/notes").status_code == 200

    revoke_api_key(key_id=key.id, now=now)
    again = revoke_api_key(key_id=key.id, now=now + timedelta(days=1))

    assert again.revoked_at == now
    for secret in (revoked, expired):
        assert refusal_of(ApiClient(secret).get("/v1/notes")) == (
            401,
            "authentication_error",
            "api_key_invalid",
        )


def test_a_rolled_key_works_on_for_the_overlap(merchant: Merchant) -> None:
    old, old_secret = make_key(merchant, kind=ApiKeyKind.RESTRICTED, scopes=["notes:read"])

    fresh, fresh_secret = roll_api_key(key_id=old.id, now=timezone.now())

    assert fresh.scopes == ["notes:read"]
    for secret in (old_secret, fresh_secret):
        assert ApiClient(secret).get("/v1/notes").status_code == 200
    ApiKey.objects.filter(pk=old.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    forget_keys()
    assert ApiClient(old_secret).get("/v1/notes").json()["error"]["code"] == "api_key_invalid"
    assert ApiClient(fresh_secret).get("/v1/notes").status_code == 200
    roll_api_key(key_id=fresh.id, now=timezone.now(), overlap=timedelta(0))
    assert ApiClient(fresh_secret).get("/v1/notes").status_code == 401


def test_a_revoked_key_cannot_be_rolled(merchant: Merchant) -> None:
    key, _ = make_key(merchant)
    revoke_api_key(key_id=key.id, now=timezone.now())

    with pytest.raises(ApiKeyRevoked):
        roll_api_key(key_id=key.id, now=timezone.now())

    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [
        (["notes:write"], 200, 200),
        (["notes:read"], 200, 403),
        (["refunds:write"], 403, 403),
    ],
)
def test_a_restricted_key_does_what_its_scopes_say(
    merchant: Merchant, scopes: list[str], read: int, write: int
) -> None:
    _, secret = make_key(merchant, kind=ApiKeyKind.RESTRICTED, scopes=scopes)
    client = ApiClient(secret)

    answers = [client.get("/v1/notes"), client.post("/v1/notes", {"amount": 1})]

    assert [answer.status_code for answer in answers] == [read, write]
    for answer in answers:
        if answer.status_code == 403:
            assert refusal_of(answer) == (403, "permission_error", "permission_denied")


def test_a_publishable_key_does_only_what_a_view_allows(merchant: Merchant) -> None:
    _, secret = make_key(merchant, kind=ApiKeyKind.PUBLISHABLE)
    client = ApiClient(secret)

    assert client.get("/v1/notes").status_code == 200
    assert refusal_of(client.post("/v1/notes", {"amount": 1})) == (
        403,
        "permission_error",
        "permission_denied",
    )
    assert Script.runs == 0


@pytest.mark.parametrize(
    ("address", "status"), [("192.0.2.7", 200), ("192.0.3.7", 403), ("2001:db8::1", 403)]
)
def test_a_key_may_be_bound_to_networks(merchant: Merchant, address: str, status: int) -> None:
    _, secret = make_key(merchant, ip_allow_list=["192.0.2.0/24"])

    answer = Client(REMOTE_ADDR=address).get(
        "/v1/notes", headers={"Authorization": f"Bearer {secret}"}
    )

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "permission_denied"


def test_a_forged_proxy_header_does_not_help(merchant: Merchant, settings: Any) -> None:
    _, secret = make_key(merchant, ip_allow_list=["192.0.2.0/24"])
    headers = {"Authorization": f"Bearer {secret}", "X-Forwarded-For": "192.0.2.1, 203.0.113.9"}

    without_proxies = Client(REMOTE_ADDR="203.0.113.9").get("/v1/notes", headers=headers)
    settings.TRUSTED_PROXY_COUNT = 1
    with_one = Client(REMOTE_ADDR="10.0.0.1").get("/v1/notes", headers=headers)
    settings.TRUSTED_PROXY_COUNT = 2
    with_two = Client(REMOTE_ADDR="10.0.0.1").get("/v1/notes", headers=headers)

    assert [a.status_code for a in (without_proxies, with_one, with_two)] == [403, 403, 200]


def test_the_last_use_is_noted_and_not_again_within_a_minute(api: ApiClient) -> None:
    api.get("/v1/notes")
    first = ApiKey.objects.get().last_used_at
    api.get("/v1/notes")

    assert first is not None
    assert ApiKey.objects.get().last_used_at == first


@pytest.mark.parametrize(
    "options",
    [
        {"scopes": ["notes:read"]},
        {"kind": ApiKeyKind.RESTRICTED},
        {"kind": ApiKeyKind.RESTRICTED, "scopes": ["notes"]},
        {"kind": ApiKeyKind.RESTRICTED, "scopes": ["notes:all"]},
        {"ip_allow_list": ["everywhere"]},
        {"ip_allow_list": ["10.0.0.1/8"]},
    ],
)
def test_options_that_contradict_are_refused(merchant: Merchant, options: dict[str, Any]) -> None:
    with pytest.raises(ApiKeyOptionsInvalid):
        make_key(merchant, **options)

    assert not ApiKey.objects.exists()


def test_the_command_prints_the_secret_once() -> None:
    out, notes = StringIO(), StringIO()
    call_command("create_api_key", merchant="Ada's books", stdout=out, stderr=notes)
    call_command("create_api_key", merchant="Ada's books", live=True, stdout=out, stderr=notes)

    test, live = out.getvalue().split()
    assert ApiClient(test).get("/v1/notes").status_code == 200
    assert live.startswith("sk_live_")
    assert Merchant.objects.count() == 1
    with pytest.raises(CommandError):
        call_command("create_api_key", merchant="x", kind="restricted", stdout=out)
