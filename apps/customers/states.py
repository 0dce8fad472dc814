"""What customers may be, in Stripe's words."""

from django.db.models import TextChoices


class TaxExempt(TextChoices):
    """Whether a customer's invoices have taxes; with `reverse` the customer owes them."""

    NONE = "none"
    EXEMPT = "exempt"
    REVERSE = "reverse"
