"""`manage.py runsimulator`: a simulator that the configured gateways find."""

import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
from django.core.management import CommandError

from apps.gateways.management.commands.runsimulator import simulator_words
from tests.live.environment import WEBHOOK_SECRET, account_of
from tests.live.running import ROOT, free_port

STRIPE = {"GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET": WEBHOOK_SECRET}


def test_it_stands_for_the_gateways_of_the_settings(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:9000"
    settings.GATEWAYS = {
        "stripe_main": account_of("stripe", "http://127.0.0.1:8102"),
        "adyen_main": account_of("adyen", "http://127.0.0.1:8101"),
    }

    words = simulator_words()

    assert words[:2] == ["--port", "8101"]
    assert words[-2:] == ["--psp-port", "8102"]
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert told["--stripe-webhook"] == "http://127.0.0.1:9000/webhooks/stripe/stripe_main"
    assert told["--stripe-secret"] == WEBHOOK_SECRET
    assert told["--adyen-key"] == "adyen_test_simulator"


def test_a_real_gateway_is_not_played(settings: Any) -> None:
    settings.GATEWAYS = {"stripe_main": account_of("stripe", "https://api.stripe.example")}

    with pytest.raises(CommandError, match="stripe_main is at"):
        simulator_words()


@pytest.mark.slow
def test_it_runs_until_it_is_told_to_stop() -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "manage.py", "runsimulator", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **STRIPE, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            assert started.stdout is not None
            assert f":{port}" in started.stdout.readline()
            calls = httpx.get(f"http://127.0.0.1:{port}/_sim/calls", trust_env=False)
            assert calls.json() == {"data": []}
        finally:
            started.terminate()
