"""A browser's session of staff who gave both factors, and a house full of things to look at."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.backoffice.middleware import SESSION_KEY
from apps.backoffice.models import User
from apps.backoffice.services import setup_roles
from apps.backoffice.services.sessions import open_session
from tests.factories.backoffice import staff
from tests.fake_gateway import FakeGateway, use_gateways

Enter = Callable[[User], Client]


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake


@pytest.fixture
def enter() -> Enter:
    """Return a function that logs somebody in with both factors."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        device = TOTPDevice.objects.create(user=user, name="authenticator")
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = device.persistent_id
        opened = open_session(user=user, ip="127.0.0.1", browser="Tests", now=timezone.now())
        session[SESSION_KEY] = opened.id
        session.save()
        return client

    return log_in


@pytest.fixture
def enter_as(db: None, enter: Enter) -> Callable[[str], Client]:
    """Return a function that lets a new member of staff with a role in."""
    setup_roles()

    def log_in(role: str) -> Client:
        user = staff(email=f"{role}@shop.example", role=role)
        return enter(user)

    return log_in


@pytest.fixture
def superuser_client(db: None, enter: Enter) -> Client:
    return enter(staff(is_superuser=True))
