"""The development world: embedded servers and the PSP simulator on this machine."""

from config.settings.base import *  # noqa: F403
from config.settings.base import FIELD_ENCRYPTION_KEYS, SECRET_KEY

DEBUG = False
SECRET_KEY = SECRET_KEY or "local-only-secret-key-which-production-refuses"
ALLOWED_HOSTS = ["*"]
FIELD_ENCRYPTION_KEYS = FIELD_ENCRYPTION_KEYS or ["local-only-field-key-which-production-refuses"]
WEBHOOKS_ALLOW_LOOPBACK = True
