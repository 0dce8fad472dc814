"""`python -m simulator --port 8100`: runs the simulator until it is told to stop."""

import argparse
import asyncio
import sys

from simulator.app import run
from simulator.settings import Settings
from simulator.state import Options
from simulator.stripe.psp import DEFAULT_KEY
from simulator.webhooks import Endpoint


def main() -> None:
    """Read the command line and serve."""
    parser = _make_parser()
    arguments = parser.parse_args()
    if bool(arguments.stripe_webhook) != bool(arguments.stripe_secret):
        parser.error("--stripe-webhook and --stripe-secret belong together")
    options = _read_options(arguments)
    asyncio.run(run(options, ready=lambda: _announce(options)))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8100, help="control, pages and PSPs")
    parser.add_argument("--psp-port", type=int, help="PSPs only; closed while one refuses")
    parser.add_argument("--seed", type=int, help="makes ids and fault rates repeatable")
    parser.add_argument("--stripe-key", action="append", help="an API key that Stripe accepts")
    parser.add_argument("--stripe-webhook", help="where Stripe's events go")
    parser.add_argument("--stripe-secret", help="what Stripe signs them with")
    parser.add_argument("--debit-delay", type=float, help="seconds until a SEPA debit settles")
    parser.add_argument("--webhook-delay", type=float, help="seconds until a webhook leaves")
    return parser


def _read_options(arguments: argparse.Namespace) -> Options:
    settings = Settings()
    for name in ("debit_delay", "webhook_delay"):
        if getattr(arguments, name) is not None:
            setattr(settings, name, getattr(arguments, name))
    endpoints = []
    if arguments.stripe_webhook:
        endpoints.append(
            Endpoint(psp="stripe", url=arguments.stripe_webhook, secret=arguments.stripe_secret)
        )
    return Options(
        port=arguments.port,
        psp_port=arguments.psp_port,
        seed=arguments.seed,
        stripe_keys=arguments.stripe_key or (DEFAULT_KEY,),
        endpoints=endpoints,
        settings=settings,
    )


def _announce(options: Options) -> None:
    sys.stdout.write(f"PSP simulator on {options.base_url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
