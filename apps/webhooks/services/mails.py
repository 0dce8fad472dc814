"""
Mails about endpoints, to the staff who look after them.

A mail that was sent may be sent again when its handler dies right after; its Message-ID comes from
the event, so that mail programs show it once.
"""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from apps.api.models import Merchant
from apps.backoffice.selectors import people_with
from apps.common.transactions import assert_no_transaction
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.policies import DISABLE_AFTER
from apps.webhooks.states import EndpointStatus

CARETAKERS = "backoffice.manage_webhook"


def send_disabled_mail(*, endpoint_id: str, event_id: str) -> int:
    """
    Tell everybody who may enable it again that an endpoint was disabled; return how many.

    An endpoint that was deleted or enabled meanwhile is none of their business any more.
    """
    assert_no_transaction()
    endpoint = WebhookEndpoint.objects.filter(
        pk=endpoint_id, status=EndpointStatus.DISABLED
    ).first()
    people = list(people_with(CARETAKERS).values_list("email", flat=True))
    if endpoint is None or not people:
        return 0
    subject, body = _render(endpoint)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    # Nobody has to see who else is told.
    message = EmailMessage(
        subject, body, bcc=people, headers={"Message-ID": f"<{event_id}@{host}>"}
    )
    message.send()
    return len(people)


def _render(endpoint: WebhookEndpoint) -> tuple[str, str]:
    page = reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk])
    text = render_to_string(
        "emails/webhooks/endpoint_disabled.txt",
        {
            "merchant": Merchant.objects.get(pk=endpoint.merchant_id).name,
            "url": endpoint.url,
            "reason": endpoint.disabled_reason,
            "days": DISABLE_AFTER.days,
            "link": f"{settings.PUBLIC_BASE_URL}{page}",
        },
    )
    subject, _, body = text.partition("\n")
    return subject.removeprefix("Subject: "), body.lstrip("\n")
