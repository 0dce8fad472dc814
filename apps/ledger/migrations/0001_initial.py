"""The tables of the books. Entries and postings are partitioned by month of the entry's id."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Django cannot declare partitions, nor a primary key without its extra index for LIKE.
TABLES = [
    """
    CREATE TABLE ledger_journalentry (
        id varchar(40) COLLATE "C" PRIMARY KEY,
        merchant_id varchar(40) NOT NULL,
        livemode boolean NOT NULL,
        kind varchar(40) NOT NULL,
        source_type varchar(40) NOT NULL,
        source_id varchar(100) NOT NULL,
        value_on date NOT NULL,
        value_on_requested date,
        booked_at timestamptz NOT NULL,
        reverses varchar(40),
        description varchar(255) NOT NULL,
        metadata jsonb NOT NULL,
        digest bytea NOT NULL
    ) PARTITION BY RANGE (id)
    """,
    "CREATE INDEX ledger_entry_list ON ledger_journalentry (merchant_id, livemode, id)",
    """
    CREATE TABLE ledger_posting (
        entry_id varchar(40) COLLATE "C" NOT NULL,
        leg smallint NOT NULL,
        account_id bigint NOT NULL,
        layer varchar(7) NOT NULL,
        amount bigint NOT NULL,
        currency varchar(3) NOT NULL,
        forced boolean NOT NULL,
        PRIMARY KEY (entry_id, leg),
        CONSTRAINT ledger_posting_not_zero CHECK (amount <> 0),
        CONSTRAINT ledger_posting_layer CHECK (layer IN ('posted', 'pending'))
    ) PARTITION BY RANGE (entry_id)
    """,
    "CREATE INDEX ledger_posting_account ON ledger_posting (account_id, entry_id)",
    'CREATE TABLE ledger_unsealedentry (entry_id varchar(40) COLLATE "C" PRIMARY KEY)',
]

DROP_TABLES = "DROP TABLE ledger_unsealedentry, ledger_posting, ledger_journalentry"

# Balance rows are updated in place: half-empty pages keep the new version beside the old one.
ROOM_FOR_UPDATES = "ALTER TABLE ledger_balance SET (fillfactor = 50)"


class Migration(migrations.Migration):
    initial = True

    dependencies = [("common", "0001_refuse_change")]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("merchant_id", models.CharField(max_length=40)),
                ("livemode", models.BooleanField()),
                ("code", models.CharField(max_length=40)),
                ("owner", models.CharField(blank=True, max_length=100)),
                ("currency", models.CharField(max_length=3)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("asset", "Asset"),
                            ("liability", "Liability"),
                            ("income", "Income"),
                            ("expense", "Expense"),
                            ("equity", "Equity"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "normal_side",
                    models.CharField(
                        choices=[("debit", "Debit"), ("credit", "Credit")], max_length=6
                    ),
                ),
                ("shards", models.PositiveSmallIntegerField(default=1)),
                ("floor", models.BigIntegerField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant_id", "livemode", "code", "currency", "owner"),
                        name="ledger_account_identity",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="ledger_account_currency_upper",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("shards__in", [1, 2, 4, 8, 16, 32, 64])),
                        name="ledger_account_shards_power_of_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("floor__isnull", True), ("shards", 1), _connector="OR"
                        ),
                        name="ledger_account_floor_needs_one_row",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EntryKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_type",
                        "source_id",
                        "kind",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("source_type", models.CharField(max_length=40)),
                ("source_id", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=40)),
                ("entry_id", models.CharField(db_collation="C", max_length=40)),
                ("reverses", models.CharField(db_collation="C", max_length=40, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("reverses__isnull", False)),
                        fields=("reverses",),
                        name="ledger_entry_reversed_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PeriodClose",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("merchant_id", models.CharField(max_length=40)),
                ("livemode", models.BooleanField()),
                ("closed_through", models.DateField()),
                ("closed_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant_id", "livemode", "closed_through"),
                        name="ledger_period_closed_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                (
                    "entry_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), size=None
                    ),
                ),
                ("leaves", models.BinaryField()),
                ("root", models.BinaryField()),
                ("previous_hash", models.BinaryField()),
                ("hash", models.BinaryField()),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="ledger_seal_chained"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SnapshotCut",
            fields=[
                (
                    "before_id",
                    models.CharField(
                        db_collation="C", max_length=40, primary_key=True, serialize=False
                    ),
                ),
                ("taken_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "shard",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("shard", models.PositiveSmallIntegerField()),
                ("debit_posted", models.BigIntegerField()),
                ("credit_posted", models.BigIntegerField()),
                ("debit_pending", models.BigIntegerField()),
                ("credit_pending", models.BigIntegerField()),
                ("version", models.PositiveBigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balances",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("debit_posted__gte", 0),
                            ("credit_posted__gte", 0),
                            ("debit_pending__gte", 0),
                            ("credit_pending__gte", 0),
                        ),
                        name="ledger_balance_sums_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BalanceSnapshot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "before_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("before_id", models.CharField(db_collation="C", max_length=40)),
                ("debit_posted", models.BigIntegerField()),
                ("credit_posted", models.BigIntegerField()),
                ("debit_pending", models.BigIntegerField()),
                ("credit_pending", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
                        to="ledger.account",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(ROOM_FOR_UPDATES, migrations.RunSQL.noop),
        migrations.RunSQL(
            TABLES,
            DROP_TABLES,
            state_operations=[
                migrations.CreateModel(
                    name="UnsealedEntry",
                    fields=[
                        (
                            "entry_id",
                            models.CharField(
                                db_collation="C", max_length=40, primary_key=True, serialize=False
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="JournalEntry",
                    fields=[
                        (
                            "id",
                            models.CharField(
                                db_collation="C", max_length=40, primary_key=True, serialize=False
                            ),
                        ),
                        ("merchant_id", models.CharField(max_length=40)),
                        ("livemode", models.BooleanField()),
                        ("kind", models.CharField(max_length=40)),
                        ("source_type", models.CharField(max_length=40)),
                        ("source_id", models.CharField(max_length=100)),
                        ("value_on", models.DateField()),
                        ("value_on_requested", models.DateField(null=True)),
                        ("booked_at", models.DateTimeField()),
                        ("reverses", models.CharField(max_length=40, null=True)),
                        ("description", models.CharField(max_length=255)),
                        ("metadata", models.JSONField()),
                        ("digest", models.BinaryField()),
                    ],
                    options={
                        "verbose_name_plural": "journal entries",
                        "indexes": [
                            models.Index(
                                fields=["merchant_id", "livemode", "id"], name="ledger_entry_list"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Posting",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "entry_id",
                                "leg",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("leg", models.PositiveSmallIntegerField()),
                        (
                            "layer",
                            models.CharField(
                                choices=[("posted", "Posted"), ("pending", "Pending")],
                                max_length=7,
                            ),
                        ),
                        ("amount", models.BigIntegerField()),
                        ("currency", models.CharField(max_length=3)),
                        ("forced", models.BooleanField()),
                        (
                            "account",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="postings",
                                to="ledger.account",
                            ),
                        ),
                        (
                            "entry",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="postings",
                                to="ledger.journalentry",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                fields=["account", "entry"], name="ledger_posting_account"
                            )
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("amount", 0), _negated=True),
                                name="ledger_posting_not_zero",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("layer__in", ["posted", "pending"])),
                                name="ledger_posting_layer",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
