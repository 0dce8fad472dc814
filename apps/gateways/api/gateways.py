"""`/v1/gateways`: how the gateway accounts fare."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.lists import list_envelope
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.gateways.api.shapes import GATEWAY
from apps.gateways.objects import render_gateway
from apps.gateways.rulebook import list_candidates


class GatewayList(ApiView):
    resource = "gateways"
    answers = {"GET": ListOf(GATEWAY)}

    def get(self, _request: HttpRequest) -> Json:
        """Return the accounts in the order of preference; there are only a few."""
        self.load()
        now = timezone.now()
        return list_envelope(
            [render_gateway(each, now=now) for each in list_candidates()], url="/v1/gateways"
        )
