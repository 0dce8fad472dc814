"""Settings that hold everywhere; one section per app, read from the environment."""

from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import environ

from apps.common.logs import logging_config
from apps.common.sentry import report_errors

BASE_DIR = Path(__file__).resolve().parents[2]
LOCAL_DIR = BASE_DIR / ".local"

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

# --- Django ---------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY", default="")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="http://127.0.0.1:8000")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False

INSTALLED_APPS = [
    # Not "unfold": that would put a site of its own in the place of ours.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "simple_history",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.common",
    "apps.api",
    "apps.backoffice.apps.BackofficeAdminConfig",
    "apps.backoffice.apps.BackofficeConfig",
    "apps.outbox",
    "apps.gateways",
    "apps.ledger",
    "apps.customers",
    "apps.vault",
    "apps.webhooks",
    "apps.payouts",
    "apps.fraud",
    "apps.payments",
    "apps.setups",
    "apps.disputes",
    "apps.subscriptions",
    "apps.checkout",
    "apps.reconciliation",
    "apps.reporting",
    "apps.compliance",
]

MIDDLEWARE = [
    "apps.api.middleware.ProgramsFirst",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.backoffice.middleware.StaffSessions",
    "apps.backoffice.middleware.Reader",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "apps.backoffice.middleware.PolicyPerPrefix",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # Files that staff asked for: private, and shared by the machines that make and serve them.
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": env.str("EXPORTS_DIR", default=str(LOCAL_DIR / "exports")),
            "base_url": None,
        },
    },
}
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True

# --- Database -------------------------------------------------------------------------------
# A pool instead of persistent connections: a request gives its connection back before it talks to
# a gateway, so 128 threads need 8 connections. Without a pool every request would connect anew.
# Server-side binding makes psycopg prepare statements, which halves PostgreSQL's share of a
# payment; from the second use on, since a migration sends several commands in one text, once.
DATABASE_POOL_MAX = env.int("DATABASE_POOL_MAX", default=8)
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///payments")}
# A unix socket stands in the URL with its slashes quoted: postgres://user@%2Frun%2Fpg/payments
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])
DATABASES["default"].update(
    {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **DATABASES["default"].get("OPTIONS", {}),
            "pool": {"min_size": 1, "max_size": DATABASE_POOL_MAX, "timeout": 10},
            "server_side_binding": True,
            "prepare_threshold": 1,
            "application_name": env.str("APPLICATION_NAME", default="payments"),
        },
    }
)

# --- Redis, cache, Celery -------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")

# kombu spells the path of a unix socket in a way of its own.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or REDIS_URL.replace(
    "unix://", "redis+socket://", 1
).replace("?db=", "?virtual_host=", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
# Celery closes the database connection after every task unless told to keep it.
CELERY_DB_REUSE_MAX = 1000

# --- API ------------------------------------------------------------------------------------
API_VERSION = "2026-11-01"
STRIPE_API_VERSION = "2026-10-28.endive"
LIVE_MODE = env.bool("LIVE_MODE", default=False)
API_MAX_BODY_BYTES = 1024 * 1024
IDEMPOTENCY_LEASE_SECONDS = env.int("IDEMPOTENCY_LEASE_SECONDS", default=8)
IDEMPOTENCY_RETENTION_HOURS = 24
RATE_LIMIT_WRITES_PER_SECOND = env.int("RATE_LIMIT_WRITES_PER_SECOND", default=100)
RATE_LIMIT_READS_PER_SECOND = env.int("RATE_LIMIT_READS_PER_SECOND", default=200)
# Of one address, whatever its keys. Behind proxies TRUSTED_PROXY_COUNT must tell addresses apart.
RATE_LIMIT_ADDRESS_PER_SECOND = env.int("RATE_LIMIT_ADDRESS_PER_SECOND", default=1000)
RATE_LIMIT_CUSTOMER_WRITES_PER_SECOND = env.int("RATE_LIMIT_CUSTOMER_WRITES_PER_SECOND", default=20)
RATE_LIMIT_ENABLED = env.bool("RATE_LIMIT_ENABLED", default=True)
# For how long a process trusts what it knows of an API key; a revoked key works that long at most.
API_KEY_CACHE_SECONDS = env.float("API_KEY_CACHE_SECONDS", default=5.0)
# How many proxies of ours stand in front and append to X-Forwarded-For.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
# Every request of a key with its answer, redacted, for people to look up.
REQUEST_LOG_ENABLED = env.bool("REQUEST_LOG_ENABLED", default=True)
REQUEST_LOG_RETENTION_DAYS = env.int("REQUEST_LOG_RETENTION_DAYS", default=30)
# How many days rows are kept, where it is not what apps/compliance/policies.py says: name=days,...
RETENTION_DAYS = env.dict("RETENTION_DAYS", cast={"value": int}, default={})
API_RESOURCE_LOADERS = "config.resources.LOADERS"
API_INCLUSIONS = "config.resources.INCLUSIONS"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "apps.api.openapi.ApiSchema",
    "EXCEPTION_HANDLER": "apps.api.errors.handle_exception",
    "UNAUTHENTICATED_USER": None,
}

# --- Outbox, webhooks, dispatcher -----------------------------------------------------------
# The maps by path: the code that reads them lies below the apps that they name.
EVENT_ROUTES = "config.event_routes"
EVENT_CATALOG = "config.event_catalog.CATALOG"
API_EXAMPLES = "config.api_examples.EXAMPLES"
SCHEDULE = "config.schedule"
# Kafka: "host:port,host:port", empty for none. The dead letters' topic is the topic's ".dead".
KAFKA_BOOTSTRAP_SERVERS = env.str("KAFKA_BOOTSTRAP_SERVERS", default="")
KAFKA_TOPIC = env.str("KAFKA_TOPIC", default="payments.events")
# At most what the cluster takes (its `message.max.bytes`).
KAFKA_MAX_MESSAGE_BYTES = env.int("KAFKA_MAX_MESSAGE_BYTES", default=1_000_000)
# Lets test-mode endpoints be on this machine, for development; production never sets it.
WEBHOOKS_ALLOW_LOOPBACK = env.bool("WEBHOOKS_ALLOW_LOOPBACK", default=False)

SPECTACULAR_SETTINGS = {
    "TITLE": "Payments API",
    "VERSION": API_VERSION,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.openapi.add_error_schema",
        "apps.api.webhook_document.add_webhooks",
        "apps.api.links.add_links",
        "apps.api.examples.add_examples",
    ],
    # Fields of one name with other words: without a name of their own each is numbered anew
    # whenever a field is added.
    "ENUM_NAME_OVERRIDES": {
        "FutureUsageEnum": ["on_session", "off_session"],
        "CaptureMethodEnum": ["automatic", "manual", "automatic_async"],
        "SessionCaptureMethodEnum": ["automatic", "manual"],
        "PaymentMethodTypeEnum": ["card", "sepa_debit"],
        "CardTypeEnum": ["card"],
        "RiskActionEnum": ["allow", "request_three_d_secure", "review", "block"],
    },
}

# --- Customers ------------------------------------------------------------------------------
# Who may refuse that a customer is deleted, by path: those apps lie above the customers.
CUSTOMER_DELETION_GUARDS = ["apps.subscriptions.selectors.refuse_while_subscribed"]
# Who knows which payment methods are a customer's.
CUSTOMER_METHOD_GUARD = "apps.vault.selectors.check_owner"

# --- E-mail ---------------------------------------------------------------------------------
# consolemail://, smtp://user:password@host:25 or smtp+tls://...
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="billing@example.com")

# --- Operations -----------------------------------------------------------------------------
# LOG_FORMAT=json is for machines, text for people.
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = logging_config(form=env.str("LOG_FORMAT", default="text"), level=LOG_LEVEL)
# Traces go to this OpenTelemetry collector, errors to Sentry; both need
# requirements/observability.txt. Empty: neither is loaded.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
if SENTRY_DSN := env.str("SENTRY_DSN", default=""):
    report_errors(SENTRY_DSN, environment=env.str("SENTRY_ENVIRONMENT", default="production"))
# Slack is told here what a person has to look at (apps/reporting/handlers.py). Empty: nothing is.
SLACK_WEBHOOK_URL = env.str("SLACK_WEBHOOK_URL", default="")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Dispatcher, worker and beat serve no HTTP of their own: each answers Prometheus on this port.
METRICS_PORT = env.int("METRICS_PORT", default=0)
# What is asked of the database when Prometheus looks (apps/common/metrics.py).
METRIC_SOURCES = [
    "apps.backoffice.figures.measure_approvals",
    "apps.backoffice.figures.measure_audit_trail",
    "apps.disputes.figures.measure_disputes",
    "apps.fraud.services.drift.measure_drift",
    "apps.gateways.figures.measure_circuits",
    "apps.ledger.figures.measure_imbalance",
    "apps.outbox.figures.measure_outbox",
    "apps.reconciliation.figures.measure_runs",
    "apps.webhooks.figures.measure_webhooks",
]
READINESS_CHECKS = {
    "database": "apps.api.operations.check_database",
    "migrations": "apps.api.operations.check_migrations",
    "broker": "apps.api.operations.check_broker",
    "outbox": "apps.outbox.selectors.check_outbox_lag",
}

# --- Gateways -------------------------------------------------------------------------------
# GATEWAYS=stripe_main names the accounts in the order of preference; each has its own variables.
GATEWAY_NAMES = env.list("GATEWAYS", default=["stripe_main"])
GATEWAYS = {
    name: {
        "kind": env.str(f"GATEWAYS_{name.upper()}_KIND", default=name.split("_")[0]),
        "api_base": env.str(f"GATEWAYS_{name.upper()}_API_BASE", default=""),
        "api_key": env.str(f"GATEWAYS_{name.upper()}_API_KEY", default=""),
        "merchant_account": env.str(f"GATEWAYS_{name.upper()}_MERCHANT_ACCOUNT", default=""),
        # What the account costs, in thousandths of a payment and minor units; routing compares it.
        "fee_per_mille": env.int(f"GATEWAYS_{name.upper()}_FEE_PER_MILLE", default=0),
        "fee_fixed": env.int(f"GATEWAYS_{name.upper()}_FEE_FIXED", default=0),
        "webhook_secret": env.str(f"GATEWAYS_{name.upper()}_WEBHOOK_SECRET", default=""),
        "connect_timeout": env.float(f"GATEWAYS_{name.upper()}_CONNECT_TIMEOUT", default=0.5),
        "read_timeout": env.float(f"GATEWAYS_{name.upper()}_READ_TIMEOUT", default=3.0),
        "total_timeout": env.float(f"GATEWAYS_{name.upper()}_TOTAL_TIMEOUT", default=4.0),
    }
    for name in GATEWAY_NAMES
}

# The card schemes' token service: network tokens for stored cards. Empty: there are none.
TOKEN_SERVICE = {
    "name": "token_service",
    "api_base": env.str("TOKEN_SERVICE_API_BASE", default=""),
    "api_key": env.str("TOKEN_SERVICE_API_KEY", default=""),
    "webhook_secret": env.str("TOKEN_SERVICE_WEBHOOK_SECRET", default=""),
    "connect_timeout": env.float("TOKEN_SERVICE_CONNECT_TIMEOUT", default=0.5),
    "read_timeout": env.float("TOKEN_SERVICE_READ_TIMEOUT", default=1.0),
    "total_timeout": env.float("TOKEN_SERVICE_TOTAL_TIMEOUT", default=1.5),
}

# Whether all processes share their circuit breakers' verdicts, through Redis.
CIRCUITS_SHARED = env.bool("CIRCUITS_SHARED", default=True)
# Whether a payment of unknown outcome goes on at the next gateway: held there, and captured only
# once the first one is proven absent, voided or on its way back (ruling C1).
FAILOVER_UNKNOWN = env.bool("FAILOVER_UNKNOWN", default=False)
# The gateways that take the one-time tokens of the payer's page, when one tokeniser serves several.
# Empty: such a token belongs to the first of GATEWAYS.
TOKENISER_GATEWAYS = env.list("TOKENISER_GATEWAYS", default=[])
# The page of that tokeniser with the card fields, which the hosted page shows in a frame. Its
# origin is another one than ours, so that no card number reaches us.
TOKENISER_URL = env.str("TOKENISER_URL", default="")
# Who tells which payments there were, to try routing rules on: payments lie above gateways.
ROUTED_PAYMENTS = "apps.payments.routed.list_routed_payments"
# The same for what became of the latest attempts at each gateway.
GATEWAY_RECORDS = "apps.payments.gateway_records.list_gateway_records"
# `(gateway names, now=) -> Stacks`: how payments were shared among them lately.
GATEWAY_SHARES = "apps.reporting.shares.share_chart"

# --- Sellers and payouts --------------------------------------------------------------------
# The gateway account which pays sellers out; empty: the first of GATEWAYS.
PAYOUT_GATEWAY = env.str("PAYOUT_GATEWAY", default="")
# Payouts above this many major units of their currency wait for a second person.
PAYOUT_APPROVAL_LIMIT = Decimal(env.str("PAYOUT_APPROVAL_LIMIT", default="10000"))
# A payout leaves after this long, so that a slip can still be canceled.
PAYOUT_CANCEL_WINDOW_SECONDS = env.int("PAYOUT_CANCEL_WINDOW_SECONDS", default=10)
# Whether the platform gives its fee back when a split payment is refunded; if not, the seller
# bears it.
REFUND_RETURNS_PLATFORM_FEE = env.bool("REFUND_RETURNS_PLATFORM_FEE", default=True)

# --- Risk -----------------------------------------------------------------------------------
# What is done when counts or the model are missing: "open" goes by the rules that can still be
# asked, "closed" sends every such payment to a review.
FRAUD_FAIL_MODE = env.str("FRAUD_FAIL_MODE", default="open")
# Whether the card payments are acquired in the European Economic Area or the United Kingdom, and up
# to how many hundredths of a euro the acquirer's fraud rate exempts payments of low risk from 3DS.
SCA_ACQUIRED_IN_AREA = env.bool("SCA_ACQUIRED_IN_AREA", default=True)
SCA_LOW_RISK_LIMIT = env.int("SCA_LOW_RISK_LIMIT", default=0)
# Names cards, addresses and e-mails in counters and records, which hold none of them in clear.
FRAUD_HASH_KEY = env.str("FRAUD_HASH_KEY", default="") or SECRET_KEY
# The key before that, as long as its counters are to be carried over.
FRAUD_HASH_KEY_BEFORE = env.str("FRAUD_HASH_KEY_BEFORE", default="")

# --- Demo -----------------------------------------------------------------------------------
# Who makes the history that `seed_demo --payments` fills the database with, in this order.
DEMO_PARTS = [
    "apps.ledger.demo.make_room",
    "apps.payments.demo.seed_payments",
    "apps.disputes.demo.seed_disputes",
    "apps.payouts.demo.seed_sellers",
    "apps.payments.demo_requests.seed_refund_requests",
    "apps.payments.demo_risk.seed_risk",
    "apps.subscriptions.demo.seed_subscriptions",
    "apps.reconciliation.demo.seed_reconciliation",
    "apps.webhooks.demo.seed_webhooks",
    "apps.reporting.demo.seed_figures",
]

# --- Reconciliation -------------------------------------------------------------------------
# In which time zone a gateway account's days begin and end.
RECONCILIATION_TIME_ZONES = {
    name: env.str(f"GATEWAYS_{name.upper()}_TIME_ZONE", default="UTC") for name in GATEWAY_NAMES
}
# Business days from a payment to its payout, and whose holidays count: a country (DE) or a
# financial market (XECB is the Eurosystem, XFED the Federal Reserve).
SETTLEMENT_CALENDARS = {
    name: (
        env.int(f"GATEWAYS_{name.upper()}_PAYOUT_DELAY", default=2),
        env.str(f"GATEWAYS_{name.upper()}_PAYOUT_HOLIDAYS", default="XECB"),
    )
    for name in GATEWAY_NAMES
}
# A fact of the ledger which no report has after this many days is missing.
RECONCILIATION_DUE_DAYS = env.int("RECONCILIATION_DUE_DAYS", default=3)
# Corrections above this many major units of their currency wait for a second person.
RECONCILIATION_APPROVAL_LIMIT = Decimal(env.str("RECONCILIATION_APPROVAL_LIMIT", default="100"))

# --- Disputes -------------------------------------------------------------------------------
# Who tells payments what disputes hold of a charge: payments lie below disputes.
PAYMENT_HOLDS = "apps.disputes.selectors.find_held"
CHARGE_IS_DISPUTED = "apps.disputes.selectors.is_disputed"
# Who tells disputes what a payment was billed for: billing lies beside disputes.
DISPUTE_BILLING_EVIDENCE = "apps.subscriptions.evidence.describe_billing"
# Who tells disputes what time it is on a test clock, and whom billing asks on the way when it
# moves one: (when is something due, do it).
DISPUTE_CLOCKS = "apps.subscriptions.selectors.times_of"
TEST_CLOCK_FOLLOWERS = [
    (
        "apps.disputes.services.deadlines.next_on_clock",
        "apps.disputes.services.deadlines.pass_on_clock",
    ),
]

# --- Vault ----------------------------------------------------------------------------------
# Newest first: the first key encrypts, all of them decrypt.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])

# --- Back-office ----------------------------------------------------------------------------
AUTH_USER_MODEL = "backoffice.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SIMPLE_HISTORY_REVERT_DISABLED = True
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# A working day; who closes the browser starts over.
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = "Lax"
# Five wrong passwords from one address close the log-in for half an hour, even to the right one.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.5
# What the log-in form calls it; the default is the model's field, which the form does not send.
AXES_USERNAME_FORM_FIELD = "username"
AXES_CLIENT_IP_CALLABLE = "apps.common.addresses.client_address"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "admin/backoffice/locked_out.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Maps by path: the code that reads them lies below the apps that they name.
APPROVAL_KINDS = "config.approvals.KINDS"
BACKOFFICE_ROLES = "config.roles.ROLES"
BACKOFFICE_REFUND_LIMITS = "config.roles.REFUND_LIMITS"
# Name -> path of `(query: str, *, user: User) -> Sheet`: what can be exported beside the lists.
BACKOFFICE_REPORTS = "config.backoffice.REPORTS"
BACKOFFICE_CARDS = "config.backoffice.CARDS"
BACKOFFICE_FIGURES = "config.backoffice.FIGURES"
BACKOFFICE_CHARTS = "config.backoffice.CHARTS"
# Says whose figures the first page shows, and how old they are.
BACKOFFICE_VIEW = "apps.reporting.figures.open_view"
BACKOFFICE_PAGES = "config.backoffice.PAGES"
BACKOFFICE_EMPTY_LISTS = "config.empty_lists.EMPTY_LISTS"
# `(entry ids) -> steps`: where the money of a payment's journal entries went on from the books.
BACKOFFICE_MONEY_TRACE = "apps.reconciliation.trace.trace_settlement"
BACKOFFICE_RELATED = "config.backoffice.RELATED"
# What apps above an object's own add to its page.
BACKOFFICE_DIALOGS = "config.backoffice.DIALOGS"
# Filters of a list by what apps above know of its objects.
BACKOFFICE_FILTERS = "config.backoffice.FILTERS"
# `(intent ids) -> {intent id: chip}`: what stands beside the status of a payment.
BACKOFFICE_PAYMENT_MARKS = "apps.disputes.admin.related.mark_disputed"
BACKOFFICE_PALETTE = "config.backoffice.palette"
BACKOFFICE_MERCHANTS = "apps.api.selectors.merchant_ids"
UNFOLD = {
    "SITE_TITLE": "Payments",
    "SITE_HEADER": "Payments",
    "SITE_SYMBOL": "account_balance_wallet",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "apps.backoffice.environment.favicon"}
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% .018 272.3)",
            "100": "oklch(93% .034 272.8)",
            "200": "oklch(87% .065 274)",
            "300": "oklch(78.5% .115 274.7)",
            "400": "oklch(67.3% .182 276.9)",
            "500": "oklch(58.5% .233 277.1)",
            "600": "oklch(51.1% .262 277)",
            "700": "oklch(45.7% .24 277)",
            "800": "oklch(39.8% .195 277.4)",
            "900": "oklch(35.9% .144 278.7)",
            "950": "oklch(25.7% .09 281.3)",
        }
    },
    "ENVIRONMENT": "apps.backoffice.environment.environment_label",
    "STYLES": ["apps.backoffice.environment.stylesheet"],
    "SCRIPTS": ["apps.backoffice.environment.script"],
    "ACCOUNT": {"navigation": "config.backoffice.account_links"},
    "SIDEBAR": {"command_search": True, "navigation": "config.backoffice.sidebar"},
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# The admin's theme evaluates expressions in attributes; no other page may.
CONTENT_SECURITY_POLICY_PREFIXES = {
    "/admin/": {
        **CONTENT_SECURITY_POLICY["DIRECTIVES"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
    }
}
