"""Where a payer arrives who comes back from the bank's page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.common.returns import read_return_token, send_on
from apps.setups.models import SetupIntent
from apps.setups.services.setups import RETURN_KIND, finish_setup
from apps.setups.states import SetupStatus

# Stripe's words for how it went; a hint for the page that comes, which asks the API for the truth.
_REDIRECT_STATUSES = {
    SetupStatus.SUCCEEDED: "succeeded",
    SetupStatus.REQUIRES_PAYMENT_METHOD: "failed",
}


@require_safe
def setup_return(request: HttpRequest, token: str) -> HttpResponse:
    """Finish the setup with its gateway, then send the payer on to the merchant."""
    setup_id = read_return_token(RETURN_KIND, token)
    if setup_id is None:
        raise Http404
    try:
        setup = finish_setup(
            setup_id=setup_id,
            answer=request.GET.dict(),
            origin=Origin(actor="payer", request_id=new_id("req")),
            now=timezone.now(),
        )
    except DomainError:
        # The method could not be tied to its customer now; the sweep tries again.
        setup = SetupIntent.objects.get(pk=setup_id)
    told = {
        "setup_intent": setup.id,
        "setup_intent_client_secret": setup.client_secret,
        "redirect_status": _REDIRECT_STATUSES.get(SetupStatus(setup.status), "pending"),
    }
    return send_on(request, setup.return_url, told)
