"""The development world: embedded servers and the PSP simulator on this machine."""

from config.settings.base import *  # noqa: F403
from config.settings.base import SECRET_KEY

DEBUG = False
SECRET_KEY = SECRET_KEY or "local-only-secret-key-which-production-refuses"
ALLOWED_HOSTS = ["*"]
