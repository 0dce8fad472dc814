"""The request log, partitioned by day of the request's id, so that a day is dropped as a whole."""

from django.db import migrations, models
from django.utils import timezone

from apps.api.partitions import keep_request_log

# Django cannot declare partitions, nor a primary key without its extra index for LIKE.
TABLE = """
CREATE TABLE api_loggedrequest (
    id varchar(40) COLLATE "C" PRIMARY KEY,
    merchant_id varchar(40) NOT NULL,
    livemode boolean NOT NULL,
    key_id varchar(40) NOT NULL,
    method varchar(10) NOT NULL,
    path varchar(255) NOT NULL,
    status smallint NOT NULL,
    error_code varchar(60) NOT NULL,
    duration_ms integer NOT NULL,
    ip varchar(45) NOT NULL,
    user_agent varchar(200) NOT NULL,
    dialect varchar(10) NOT NULL,
    idempotency_key varchar(255) NOT NULL,
    original_request varchar(40) NOT NULL,
    request text NOT NULL,
    response text NOT NULL,
    created_at timestamptz NOT NULL
) PARTITION BY RANGE (id)
"""

INDEXES = [
    "CREATE INDEX logged_request_key ON api_loggedrequest (key_id, id)",
    "CREATE INDEX logged_request_path ON api_loggedrequest (path, id)",
    "CREATE INDEX logged_request_refused ON api_loggedrequest (status, id) WHERE status >= 400",
    "CREATE INDEX logged_request_idempotency ON api_loggedrequest (idempotency_key, id)"
    " WHERE idempotency_key <> ''",
]


def add_first_days(apps, schema_editor):
    keep_request_log(now=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("api", "0002_claims")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    [
                        TABLE,
                        *INDEXES,
                        "CREATE TABLE api_loggedrequest_default"
                        " PARTITION OF api_loggedrequest DEFAULT",
                    ],
                    "DROP TABLE api_loggedrequest",
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="LoggedRequest",
                    fields=[
                        ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ("merchant_id", models.CharField(max_length=40)),
                        ("livemode", models.BooleanField()),
                        ("key_id", models.CharField(max_length=40)),
                        ("method", models.CharField(max_length=10)),
                        ("path", models.CharField(max_length=255)),
                        ("status", models.PositiveSmallIntegerField()),
                        ("error_code", models.CharField(max_length=60)),
                        ("duration_ms", models.PositiveIntegerField()),
                        ("ip", models.CharField(max_length=45)),
                        ("user_agent", models.CharField(max_length=200)),
                        ("dialect", models.CharField(max_length=10)),
                        ("idempotency_key", models.CharField(max_length=255)),
                        ("original_request", models.CharField(max_length=40)),
                        ("request", models.TextField()),
                        ("response", models.TextField()),
                        ("created_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name": "request",
                        "indexes": [
                            models.Index(name="logged_request_key", fields=["key_id", "id"]),
                            models.Index(name="logged_request_path", fields=["path", "id"]),
                            models.Index(
                                name="logged_request_refused",
                                fields=["status", "id"],
                                condition=models.Q(status__gte=400),
                            ),
                            models.Index(
                                name="logged_request_idempotency",
                                fields=["idempotency_key", "id"],
                                condition=~models.Q(idempotency_key=""),
                            ),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunPython(add_first_days, migrations.RunPython.noop),
    ]
