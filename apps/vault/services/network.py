"""Network tokens: made for stored cards, followed through their life, charged with cryptograms."""

import logging
from datetime import datetime

from django.db import transaction

from apps.common.origin import Origin
from apps.common.transactions import release_connection
from apps.gateways.base import NetworkCard
from apps.gateways.calls import call_gateway, running_clock
from apps.gateways.errors import GatewayError, GatewayNotSent
from apps.gateways.registry import find_token_service
from apps.gateways.token_service import NetworkTokenFacts
from apps.vault.models import NetworkToken, PaymentMethod
from apps.vault.services.updates import CardUpdate, apply_card_update
from apps.vault.states import NetworkTokenStatus

logger = logging.getLogger(__name__)

S = NetworkTokenStatus


def provision_network_token(
    *, method: PaymentMethod, token: str, now: datetime
) -> NetworkToken | None:
    """
    Have the card schemes make a token for a card that was just stored, if there is a service.

    A card is as good without one, so a service that is away or refuses is only noted.
    """
    service = find_token_service()
    if service is None or method.type != "card":
        return None
    release_connection()
    try:
        facts = call_gateway(
            lambda: service.provision(token, method_id=method.id, key=f"{method.id}_provision"),
            gateway=service.name,
            operation="provision",
            clock=running_clock(now),
        )
    except GatewayError as error:
        logger.warning("%s has no network token: %s", method.id, error)
        return None
    return NetworkToken.objects.create(
        payment_method=method,
        reference=facts.reference,
        number=facts.number,
        exp_month=facts.exp_month,
        exp_year=facts.exp_year,
        created_at=now,
    )


def make_network_card(*, reference: str, key: str, now: datetime) -> NetworkCard:
    """
    Return the token with the cryptogram for one charge; the same `key`, the same cryptogram.

    :raises GatewayNotSent: the service made none; the gateway of the payment was not asked
    """
    service = find_token_service()
    if service is None:
        raise GatewayNotSent("there is no token service")
    try:
        return call_gateway(
            lambda: service.make_card(reference, key=key),
            gateway=service.name,
            operation="cryptogram",
            clock=running_clock(now),
        )
    except GatewayError as error:
        raise GatewayNotSent(f"no cryptogram: {error}") from error


def sync_network_token(*, reference: str, origin: Origin, now: datetime) -> NetworkToken | None:
    """
    Read a token from its service and record what it says: its state, and the card behind it.

    None when the token is not ours. Hearing the same again changes nothing.

    :raises GatewayError: the service could not be asked; try again later
    """
    service = find_token_service()
    if service is None or not NetworkToken.objects.filter(reference=reference).exists():
        return None
    release_connection()
    facts = service.retrieve(reference)
    with transaction.atomic():
        method_id = NetworkToken.objects.values_list("payment_method_id", flat=True).get(
            reference=reference
        )
        # The method is locked first: it is the parent, and its card may have changed too.
        method = PaymentMethod.objects.select_for_update().get(pk=method_id)
        token = NetworkToken.objects.select_for_update().get(reference=reference)
        _follow(token, facts)
        token.save()
        update = CardUpdate(
            last4=facts.card_last4, exp_month=facts.card_exp_month, exp_year=facts.card_exp_year
        )
        apply_card_update(method, update, origin=origin, now=now)
    return token


def _follow(token: NetworkToken, facts: NetworkTokenFacts) -> None:
    token.number, token.exp_month, token.exp_year = facts.number, facts.exp_month, facts.exp_year
    if token.status in {facts.status, S.DELETED}:
        return
    if facts.status == S.SUSPENDED:
        token.suspend()
    elif facts.status == S.ACTIVE:
        token.resume()
    elif facts.status == S.DELETED:
        token.delete_token()
    else:
        logger.error("network token %s is in a state we do not know: %s", token.id, facts.status)


def end_network_token(*, method_id: str) -> None:
    """End the token of a method that was detached; a service that is away keeps it for now."""
    service = find_token_service()
    token = (
        NetworkToken.objects.filter(payment_method_id=method_id).exclude(status=S.DELETED).first()
    )
    if service is None or token is None:
        return
    release_connection()
    try:
        service.delete(token.reference, key=f"{token.id}_delete")
    except GatewayError as error:
        logger.warning("the network token of %s lives on: %s", method_id, error)
        return
    token.delete_token()
    token.save(update_fields=["status"])
