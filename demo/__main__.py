"""`make run`: start the platform, make one payment, tell where everything is, and keep watch."""

import argparse
import os
import signal
import sys
from pathlib import Path

from demo.checkout_link import open_checkout
from demo.interrupts import Interrupts, Leave
from demo.ports import PortTaken
from demo.screen import Screen, columns
from demo.trace import trace_lines
from demo.world import AlreadyRunning, World, only_one
from embedded.binaries import BinariesMissing
from embedded.folders import FolderNotPrivate
from embedded.processes import NotReady, die_with_parent

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = (AlreadyRunning, BinariesMissing, FolderNotPrivate, NotReady, PortTaken)


def main() -> int:
    """Return 0 when the run ended as it was asked to, and its payment succeeded where it had to."""
    parser = argparse.ArgumentParser(prog="bin/run", description=__doc__)
    parser.add_argument("--port", type=int, help="of the web server (8000, or the next free one)")
    parser.add_argument("--sim-port", type=int, help="of the PSP simulator (8100 or the next)")
    parser.add_argument("--once", action="store_true", help="stop after the first payment's trace")
    options = parser.parse_args()

    if "MAKELEVEL" in os.environ:  # A make that is killed passes nothing on.
        die_with_parent(signal.SIGTERM)
    screen = Screen()
    try:
        with only_one(ROOT):
            world = World(
                root=ROOT, screen=screen, port=options.port, simulator_port=options.sim_port
            )
            return run(world, screen, once=options.once)
    except EXPECTED as failure:
        screen.trouble(str(failure))
        return 1


def run(world: World, screen: Screen, *, once: bool) -> int:
    """Run until the payment is made (`once`) or until somebody presses Ctrl-C."""
    interrupts = Interrupts(kill=world.supervisor.kill)
    interrupts.install()
    try:
        world.start()
        paid = show_first_payment(world, screen)
        world.announce()
        if once:
            return 0 if paid and not world.supervisor.dead() else 1
        show_addresses(world, screen)
        world.supervisor.watch()  # Only an interrupt ends it.
    except Leave:
        return 128 + signal.SIGINT if once else 0
    finally:
        interrupts.shield()
        world.stop()


def show_first_payment(world: World, screen: Screen) -> bool:
    """Make the payment and print its trace; return whether it went all the way."""
    # The SDK takes half a second to import: not while somebody waits for the first answer.
    from demo import first_payment  # noqa: PLC0415

    screen.step("Making the first payment through the API, with the official Stripe SDK")
    try:
        payment = first_payment.make_first_payment(
            base_url=world.base_url, secret_key=world.description()["secret_key"]
        )
    except first_payment.PaymentFailed as failure:
        screen.trouble(f"The first payment FAILED: {failure}")
        return False
    screen.block(f"Payment {payment.intent_id}: {payment.status}", trace_lines(payment.trace))
    if not payment.succeeded:
        screen.trouble("The first payment FAILED: it did not succeed, or its webhook did not come")
    return payment.succeeded


def show_addresses(world: World, screen: Screen) -> None:
    description = world.description()
    base, simulator = world.base_url, world.simulator_url
    checkout = open_checkout(base_url=base, secret_key=description["secret_key"])
    screen.block(
        "Addresses",
        columns(
            [
                ("Back-office", f"{base}/admin/"),
                ("Payment page", checkout),
                ("API", f"{base}/v1/"),
                ("API reference", f"{base}/docs"),
                ("Health", f"{base}/readyz"),
                ("PSP simulator", f"{simulator}/_sim/calls"),
                ("Logs", ".local/run/logs/"),
            ]
        ),
    )
    screen.block(
        "Keys (point a Stripe SDK at the API's address)",
        columns(
            [("secret", description["secret_key"]), ("public", description["publishable_key"])]
        ),
    )
    people = [(s["role"], s["email"], s["password"]) for s in description["staff"]]
    screen.block("Log-ins of the back-office (`make code` prints one-time codes)", columns(people))
    screen.block("Ready. `make demo` brings two months of a shop; Ctrl-C stops everything.", [])


if __name__ == "__main__":
    sys.exit(main())
