"""Adyen's adapter as the installation uses it: with the journal in the database."""

from django.utils import timezone

from apps.gateways.adyen.adapter import AdyenGateway
from apps.gateways.adyen.stored_journal import StoredJournal
from apps.gateways.base import GatewayAccount


def build_adyen(account: GatewayAccount) -> AdyenGateway:
    """Return the adapter for one account."""
    return AdyenGateway(account, journal=StoredJournal(account.name), clock=timezone.now)
