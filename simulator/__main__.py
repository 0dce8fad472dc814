"""`python -m simulator --port 8100`: runs the simulator until it is told to stop."""

import argparse
import asyncio
import sys
from pathlib import Path

from simulator.adyen.psp import DEFAULT_KEY as ADYEN_KEY
from simulator.app import run
from simulator.faults import PSPS
from simulator.settings import Settings
from simulator.state import Options
from simulator.stripe.psp import DEFAULT_KEY as STRIPE_KEY
from simulator.webhooks import Endpoint


def main() -> None:
    """Read the command line and serve."""
    parser = _make_parser()
    arguments = parser.parse_args()
    for psp in PSPS:
        webhook, secret = _webhook_of(arguments, psp)
        if bool(webhook) != bool(secret):
            parser.error(f"--{psp}-webhook and --{psp}-secret belong together")
    options = _read_options(arguments)
    asyncio.run(run(options, ready=lambda: _announce(options)))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8100, help="control, pages and PSPs")
    parser.add_argument("--psp-port", type=int, help="PSPs only; closed while one refuses")
    parser.add_argument("--seed", type=int, help="makes ids and fault rates repeatable")
    parser.add_argument("--memory", type=Path, help="a file that keeps the books between starts")
    parser.add_argument("--stripe-key", action="append", help="an API key that Stripe accepts")
    parser.add_argument("--stripe-webhook", help="where Stripe's events go")
    parser.add_argument("--stripe-secret", help="what Stripe signs them with")
    parser.add_argument("--adyen-key", action="append", help="an API key that Adyen accepts")
    parser.add_argument("--adyen-webhook", help="where Adyen's notifications go")
    parser.add_argument("--adyen-secret", help="the HMAC key that Adyen signs with, in hex")
    parser.add_argument("--tokens-webhook", help="where the token service's events go")
    parser.add_argument("--tokens-secret", help="what the token service signs them with")
    parser.add_argument("--debit-delay", type=float, help="seconds until a SEPA debit settles")
    parser.add_argument("--webhook-delay", type=float, help="seconds until a webhook leaves")
    parser.add_argument(
        "--available-after", type=float, help="seconds until money taken may be paid out"
    )
    return parser


def _read_options(arguments: argparse.Namespace) -> Options:
    settings = Settings()
    for name in ("debit_delay", "webhook_delay", "available_after"):
        if getattr(arguments, name) is not None:
            setattr(settings, name, getattr(arguments, name))
    endpoints = []
    for psp in PSPS:
        url, secret = _webhook_of(arguments, psp)
        if url:
            endpoints.append(Endpoint(psp=psp, url=url, secret=secret))
    return Options(
        port=arguments.port,
        psp_port=arguments.psp_port,
        seed=arguments.seed,
        memory=arguments.memory,
        stripe_keys=arguments.stripe_key or (STRIPE_KEY,),
        adyen_keys=arguments.adyen_key or (ADYEN_KEY,),
        endpoints=endpoints,
        settings=settings,
    )


def _webhook_of(arguments: argparse.Namespace, psp: str) -> tuple[str, str]:
    values = vars(arguments)
    return values[f"{psp}_webhook"] or "", values[f"{psp}_secret"] or ""


def _announce(options: Options) -> None:
    sys.stdout.write(f"PSP simulator on {options.base_url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
