from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class BackofficeConfig(AppConfig):
    name = "apps.backoffice"


class BackofficeAdminConfig(AdminConfig):
    """The admin with our own site: apps/backoffice/site.py."""

    default_site = "apps.backoffice.site.BackofficeSite"
