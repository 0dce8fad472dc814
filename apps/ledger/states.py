"""The few words which accounts and postings are made of."""

from django.db.models import TextChoices


class AccountKind(TextChoices):
    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    EQUITY = "equity"


class Side(TextChoices):
    """The side on which an account grows. A debit is a positive amount, a credit a negative one."""

    DEBIT = "debit"
    CREDIT = "credit"


class Layer(TextChoices):
    """Posted money has moved; pending money is only held or announced."""

    POSTED = "posted"
    PENDING = "pending"
