"""Reports are tested over payments that a gateway with a script has taken."""

from tests.payments.conftest import gateway, two_gateways  # noqa: F401 - fixtures
