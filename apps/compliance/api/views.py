"""`/v1/customers/{id}/export` and `/erase`: what a person may ask for."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.views import ApiView, Json
from apps.compliance.api.shapes import CUSTOMER_ERASURE, CUSTOMER_EXPORT
from apps.compliance.objects import render_erasure
from apps.compliance.services import erase_customer, export_customer


class CustomerExport(ApiView):
    resource = "customers"
    answers = {"POST": CUSTOMER_EXPORT}

    def post(self, _request: HttpRequest, customer_id: str) -> Json:
        """Return all that is stored about a customer; a deleted one too."""
        self.load()
        return export_customer(
            scope=self.scope, customer_id=customer_id, origin=self.origin, now=timezone.now()
        )


class CustomerErase(ApiView):
    resource = "customers"
    answers = {"POST": CUSTOMER_ERASURE}
    # Payment methods are detached at the gateways.
    transactional_answer = False

    def post(self, _request: HttpRequest, customer_id: str) -> Json:
        """Take the person out of all that is stored about a customer; money stays."""
        self.load()
        return render_erasure(
            erase_customer(
                scope=self.scope, customer_id=customer_id, origin=self.origin, now=timezone.now()
            )
        )
