"""Words of risk: what an assessment may end in, and the lives of rules, reviews and models."""

from django.db.models import TextChoices


class Action(TextChoices):
    """What an assessment says; a rule asks for one of these."""

    ALLOW = "allow"
    THREE_D_SECURE = "request_three_d_secure"
    REVIEW = "review"
    BLOCK = "block"


class Level(TextChoices):
    NOT_ASSESSED = "not_assessed"
    NORMAL = "normal"
    ELEVATED = "elevated"
    HIGHEST = "highest"


class RuleStatus(TextChoices):
    """A shadow rule is evaluated and recorded, but has no effect."""

    DRAFT = "draft"
    SHADOW = "shadow"
    LIVE = "live"
    RETIRED = "retired"


class ReviewStatus(TextChoices):
    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"


class ModelStatus(TextChoices):
    """The champion acts on its score; a shadow model's score is only recorded."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CHAMPION = "champion"
    RETIRED = "retired"


class LabelSource(TextChoices):
    """Who says whether a payment was fraud."""

    DISPUTE = "dispute"
    EARLY_WARNING = "early_warning"
    REFUND = "refund"
    REVIEW = "review"


class ItemType(TextChoices):
    """What the values of a list are, in Stripe's words."""

    CARD_FINGERPRINT = "card_fingerprint"
    CUSTOMER_ID = "customer_id"
    EMAIL = "email"
    IP_ADDRESS = "ip_address"
    COUNTRY = "country"
    CARD_BIN = "card_bin"
    SEPA_DEBIT_FINGERPRINT = "sepa_debit_fingerprint"
    STRING = "string"
    CASE_SENSITIVE_STRING = "case_sensitive_string"
