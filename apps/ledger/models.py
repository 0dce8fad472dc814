"""
The books. PostgreSQL guards them: see the triggers in migrations/0002_guards.py.

Rows are written by the SQL functions `ledger_post_entry` and `ledger_post_entries` only
(migrations/0003_posting.py); `apps.ledger.services` calls them.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Now

from apps.ledger.states import AccountKind, Layer, Side


class Account(models.Model):
    """
    Where money is, or what it was for: one chart code in one currency for one owner.

    `floor` is the lowest balance allowed, seen from the normal side; None allows any. The balance
    of a hot account is spread over `shards` rows, so that writers do not wait for each other.
    """

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    code = models.CharField(max_length=40)
    owner = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=10, choices=AccountKind.choices)
    normal_side = models.CharField(max_length=6, choices=Side.choices)
    shards = models.PositiveSmallIntegerField(default=1)
    floor = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="ledger_account_identity",
                fields=["merchant_id", "livemode", "code", "currency", "owner"],
            ),
            models.CheckConstraint(
                name="ledger_account_currency_upper",
                condition=Q(currency__regex=r"^[A-Z]{3}$"),
            ),
            models.CheckConstraint(
                name="ledger_account_shards_power_of_two",
                condition=Q(shards__in=[1, 2, 4, 8, 16, 32, 64]),
            ),
            models.CheckConstraint(
                name="ledger_account_floor_needs_one_row",
                condition=Q(floor__isnull=True) | Q(shards=1),
            ),
        ]
        indexes = [
            models.Index(name="ledger_account_owner", fields=["owner"], condition=~Q(owner="")),
        ]

    def __str__(self) -> str:
        return f"{self.code}{f' {self.owner}' if self.owner else ''} {self.currency}"


class JournalEntry(models.Model):
    """
    One booked fact: the header of a balanced set of postings. Partitioned by month of `id`.

    `digest` covers the content, so a replay is recognised and a changed row is found.
    `value_on_requested` keeps the day that was asked for when its period was closed already.
    """

    id = models.CharField(primary_key=True, max_length=40, db_collation="C")
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    kind = models.CharField(max_length=40)
    source_type = models.CharField(max_length=40)
    source_id = models.CharField(max_length=100)
    value_on = models.DateField()
    value_on_requested = models.DateField(null=True)
    booked_at = models.DateTimeField()
    reverses = models.CharField(max_length=40, null=True)  # noqa: DJ001 - unique when present
    description = models.CharField(max_length=255)
    metadata = models.JSONField()
    digest = models.BinaryField()

    class Meta:
        verbose_name_plural = "journal entries"
        indexes = [
            models.Index(name="ledger_entry_list", fields=["merchant_id", "livemode", "id"]),
            # Few payments are exchanged, so this index is next to empty.
            models.Index(
                KeyTransform("exchanged_payment", "metadata"),
                name="ledger_entry_exchanged",
                condition=Q(metadata__has_key="exchanged_payment"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"


class EntryKey(models.Model):
    """
    What may exist once: the fact an entry books, and the entry it reverses.

    Kept beside the entries, because a unique index of a partitioned table must contain the
    partition's key (docs/adr/0011-ledger-partitions-follow-the-entry-id.md).
    """

    pk = models.CompositePrimaryKey("source_type", "source_id", "kind")
    source_type = models.CharField(max_length=40)
    source_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    entry_id = models.CharField(max_length=40, db_collation="C")
    reverses = models.CharField(max_length=40, null=True, db_collation="C")  # noqa: DJ001

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="ledger_entry_reversed_once",
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source_type} {self.source_id}"


class Posting(models.Model):
    """
    One leg of an entry; positive is a debit, negative a credit. Partitioned like the entries.

    The account has no foreign key: the guard reads it anyway, and the key would cost a tenth.
    """

    pk = models.CompositePrimaryKey("entry_id", "leg")
    entry = models.ForeignKey(
        JournalEntry,
        on_delete=models.PROTECT,
        related_name="postings",
        db_constraint=False,
        db_index=False,
    )
    leg = models.PositiveSmallIntegerField()
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="postings",
        db_constraint=False,
        db_index=False,
    )
    layer = models.CharField(max_length=7, choices=Layer.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    forced = models.BooleanField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="ledger_posting_not_zero", condition=~Q(amount=0)),
            models.CheckConstraint(
                name="ledger_posting_layer", condition=Q(layer__in=Layer.values)
            ),
        ]
        indexes = [models.Index(name="ledger_posting_account", fields=["account", "entry"])]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.leg}"


class Balance(models.Model):
    """The sums of an account's postings; an account's balance is the sum over its shards."""

    pk = models.CompositePrimaryKey("account_id", "shard")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="balances", db_index=False
    )
    shard = models.PositiveSmallIntegerField()
    debit_posted = models.BigIntegerField()
    credit_posted = models.BigIntegerField()
    debit_pending = models.BigIntegerField()
    credit_pending = models.BigIntegerField()
    version = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ledger_balance_sums_not_negative",
                condition=Q(debit_posted__gte=0)
                & Q(credit_posted__gte=0)
                & Q(debit_pending__gte=0)
                & Q(credit_pending__gte=0),
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}.{self.shard}"


class BalanceSnapshot(models.Model):
    """
    The sums of an account's postings with an entry id below `before_id`.

    Snapshots bound the work of reading a balance of the past; entries booked behind the last
    snapshot are refused, so a snapshot stays true.
    """

    pk = models.CompositePrimaryKey("account_id", "before_id")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="snapshots", db_index=False
    )
    before_id = models.CharField(max_length=40, db_collation="C")
    debit_posted = models.BigIntegerField()
    credit_posted = models.BigIntegerField()
    debit_pending = models.BigIntegerField()
    credit_pending = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.account_id} before {self.before_id}"


class SnapshotCut(models.Model):
    """A moment up to which snapshots were taken: nothing is booked behind the last one."""

    before_id = models.CharField(primary_key=True, max_length=40, db_collation="C")
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.before_id


class PeriodClose(models.Model):
    """The decision that a merchant's books are closed up to and including a day."""

    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    closed_through = models.DateField()
    closed_at = models.DateTimeField()
    actor = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="ledger_period_closed_once",
                fields=["merchant_id", "livemode", "closed_through"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} through {self.closed_through}"


class ExchangeRate(models.Model):
    """
    A rate that somebody told: major units of `quote` for one major unit of `base`.

    Rates belong to nobody's books. `source` is a gateway account, or who published the rate.
    """

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    value = models.DecimalField(max_digits=24, decimal_places=12)
    source = models.CharField(max_length=40)
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="ledger_rate_told_once", fields=["base", "quote", "as_of", "source"]
            ),
            models.CheckConstraint(name="ledger_rate_positive", condition=Q(value__gt=0)),
            models.CheckConstraint(
                name="ledger_rate_two_currencies", condition=~Q(base=models.F("quote"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.value.normalize()}"


class UnsealedEntry(models.Model):
    """The sealer's queue: entries that no seal covers yet."""

    entry_id = models.CharField(primary_key=True, max_length=40, db_collation="C")

    def __str__(self) -> str:
        return self.entry_id


class Seal(models.Model):
    """
    A batch of entries under one hash, which covers the hash of the seal before.

    `leaves` holds one SHA-256 per entry of `entry_ids`, so a changed row can be named.
    """

    number = models.PositiveIntegerField(primary_key=True)
    entry_ids = ArrayField(models.CharField(max_length=40))
    leaves = models.BinaryField()
    root = models.BinaryField()
    previous_hash = models.BinaryField()
    hash = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="ledger_seal_chained", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"
