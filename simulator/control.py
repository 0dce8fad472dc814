"""The simulator's own API below /_sim: faults, books, calls, time. On loopback, without keys."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from simulator.books import Exchange
from simulator.faults import InvalidFault
from simulator.psp import Psp
from simulator.settings import Settings
from simulator.settlements import PSPS, UnknownPlant
from simulator.state import State
from simulator.webhooks import Endpoint

_FLUSH_SECONDS = 10.0

# Called when faults came or went, so that a port can be closed or opened.
OnChange = Callable[[], Awaitable[None]]


class Control:
    def __init__(self, state: State, *, on_faults_changed: OnChange) -> None:
        self._state = state
        self._on_faults_changed = on_faults_changed

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses."""
        return [
            web.get("/_sim/health", self.show_health),
            web.post("/_sim/reset", self.reset),
            web.post("/_sim/faults", self.add_fault),
            web.get("/_sim/faults", self.list_faults),
            web.delete("/_sim/faults", self.clear_faults),
            web.get("/_sim/calls", self.list_calls),
            web.get("/_sim/charges", self.list_charges),
            web.post("/_sim/webhooks", self.add_webhook),
            web.get("/_sim/webhooks", self.list_webhooks),
            web.post("/_sim/webhooks/flush", self.flush_webhooks),
            web.post("/_sim/payments/{reference}/advance", self.advance_payment),
            web.post("/_sim/disputes", self.open_dispute),
            web.get("/_sim/disputes", self.list_disputes),
            web.post("/_sim/disputes/{dispute}/advance", self.advance_dispute),
            web.get("/_sim/settings", self.show_settings),
            web.post("/_sim/settings", self.change_settings),
            web.post("/_sim/exchange", self.set_exchange),
            web.post("/_sim/clock", self.advance_clock),
            web.post("/_sim/settlements/plant", self.plant_discrepancy),
            web.post("/_sim/settlements/close", self.close_settlement),
            web.get("/_sim/settlements/{psp}/{date}.csv", self.show_settlement),
            web.get("/_sim/bank/{date}.xml", self.show_bank),
        ]

    async def show_health(self, _request: web.Request) -> web.Response:
        """Answer that the simulator is up."""
        return _answer({"status": "ok", "psps": sorted(self._state.psps)})

    async def reset(self, _request: web.Request) -> web.Response:
        """Return to the state of the start."""
        self._state.reset()
        await self._on_faults_changed()
        return _answer({"status": "ok"})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Let something go wrong from now on."""
        try:
            fault = self._state.faults.add(await _read_object(request))
        except InvalidFault as refusal:
            raise _bad_request(str(refusal)) from None
        await self._on_faults_changed()
        return _answer(fault.describe())

    async def list_faults(self, _request: web.Request) -> web.Response:
        """Show the faults and how often each has struck."""
        return _answer({"data": [fault.describe() for fault in self._state.faults.all()]})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Heal everything."""
        self._state.faults.clear()
        await self._on_faults_changed()
        return _answer({"data": []})

    async def list_calls(self, request: web.Request) -> web.Response:
        """Show the calls that arrived, oldest first."""
        calls = self._state.calls.find(
            psp=request.query.get("psp", ""), reference=request.query.get("reference", "")
        )
        return _answer({"data": [call.describe() for call in calls]})

    async def list_charges(self, request: web.Request) -> web.Response:
        """Show what was charged for the platform's intent, of everything without a reference."""
        books, reference = self._state.world.books, request.query.get("reference", "")
        charges = books.charges_of(reference) if reference else books.charges.values()
        return _answer({"data": [charge.describe() for charge in charges]})

    async def add_webhook(self, request: web.Request) -> web.Response:
        """Send a PSP's events to one more address; the same address again is replaced."""
        wish = await _read_object(request)
        psp, url, secret = (wish.get(name) for name in ("psp", "url", "secret"))
        types = wish.get("events", [])
        if psp not in self._state.psps or not isinstance(url, str) or not isinstance(secret, str):
            raise _bad_request(f"psp ({', '.join(self._state.psps)}), url and secret are needed")
        if not isinstance(types, list) or not all(isinstance(each, str) for each in types):
            raise _bad_request("events is a list of event types")
        endpoint = Endpoint(psp=psp, url=url, secret=secret, types=frozenset(types))
        self._state.add_endpoint(endpoint)
        return _answer({"psp": psp, "url": url, "events": sorted(endpoint.types)})

    async def list_webhooks(self, _request: web.Request) -> web.Response:
        """Show the receivers and the latest deliveries."""
        webhooks = self._state.world.webhooks
        return _answer(
            {
                "endpoints": [
                    {"psp": each.psp, "url": each.url, "events": sorted(each.types)}
                    for each in webhooks.endpoints
                ],
                "pending": webhooks.pending,
                "data": [delivery.describe() for delivery in webhooks.recent()],
            }
        )

    async def flush_webhooks(self, _request: web.Request) -> web.Response:
        """Run what is due, send all that waits, and answer when nothing is pending any more."""
        self._state.world.agenda.run_due()
        pending = await self._state.world.webhooks.flush(timeout_seconds=_FLUSH_SECONDS)
        return _answer({"pending": pending})

    async def advance_payment(self, request: web.Request) -> web.Response:
        """Make the next thing happen to a payment: settle, expire, approve and so on."""
        wish = await _read_object(request)
        options = {name: str(value) for name, value in wish.items()}
        action, reference = options.pop("action", ""), request.match_info["reference"]
        able = [psp for psp in self._state.psps.values() if action in psp.actions]
        if not able:
            known = sorted({each for psp in self._state.psps.values() for each in psp.actions})
            raise _bad_request(f"action is one of {', '.join(known)}")
        moved = [psp.name for psp in able if psp.advance(reference, action, options)]
        if not moved:
            raise web.HTTPNotFound(text=f"no payment with the reference {reference}")
        return _answer({"reference": reference, "action": action, "psps": moved})

    async def open_dispute(self, request: web.Request) -> web.Response:
        """Let the payer's bank dispute the payment with that reference of the platform's."""
        wish = await _read_object(request)
        reference = str(wish.pop("reference", ""))
        before = set(self._state.world.books.disputes)
        options = {name: str(value) for name, value in wish.items()}
        for psp in self._psps_able_to("dispute"):
            psp.advance(reference, "dispute", options)
        opened = [
            dispute.describe()
            for dispute in self._state.world.books.disputes.values()
            if dispute.id not in before
        ]
        if not opened:
            raise _bad_request(f"no captured payment without a dispute has the id {reference!r}")
        return _answer(opened[0])

    async def list_disputes(self, request: web.Request) -> web.Response:
        """Show the disputes, oldest first, of all payments without a reference."""
        reference = request.query.get("reference", "")
        disputes = self._state.world.books.disputes.values()
        shown = [each.describe() for each in disputes]
        return _answer({"data": [d for d in shown if reference in {"", d["reference"]}]})

    async def advance_dispute(self, request: web.Request) -> web.Response:
        """Make the next thing happen to a dispute: escalate, win, lose and so on."""
        wish = await _read_object(request)
        options = {name: str(value) for name, value in wish.items()}
        action = f"dispute_{options.pop('action', '')}"
        able = self._psps_able_to(action)
        if not able:
            known = sorted(
                each.removeprefix("dispute_")
                for psp in self._state.psps.values()
                for each in psp.actions
                if each.startswith("dispute_")
            )
            raise _bad_request(f"action is one of {', '.join(dict.fromkeys(known))}")
        dispute = self._state.world.books.disputes.get(request.match_info["dispute"])
        if dispute is None:
            raise web.HTTPNotFound(text="no such dispute")
        for psp in able:
            psp.advance(dispute.charge.payment, action, {**options, "dispute": dispute.id})
        return _answer(dispute.describe())

    def _psps_able_to(self, action: str) -> list[Psp]:
        return [psp for psp in self._state.psps.values() if action in psp.actions]

    async def show_settings(self, _request: web.Request) -> web.Response:
        """Show the delays and lifetimes."""
        return _answer(self._state.describe_settings())

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change delays and lifetimes until the next reset."""
        wish = await _read_object(request)
        known = {field.name for field in fields(Settings)}
        for name, value in wish.items():
            if name not in known or not _is_seconds(value):
                raise _bad_request(f"seconds for some of {', '.join(sorted(known))}")
        for name, value in wish.items():
            setattr(self._state.world.settings, name, float(value))
        return _answer(self._state.describe_settings())

    async def set_exchange(self, request: web.Request) -> web.Response:
        """Let the merchant's account be in one currency, with rates for what comes in others."""
        wish = await _read_object(request)
        told = wish.get("rates")
        try:
            rates = {str(name): Decimal(rate) for name, rate in dict(told or {}).items()}
        except (InvalidOperation, TypeError, ValueError):
            raise _bad_request("rates are decimal strings by currency") from None
        if not all(rate.is_finite() and rate > 0 for rate in rates.values()):
            raise _bad_request("rates are above zero")
        self._state.world.books.exchange = Exchange(str(wish.get("currency", "")), rates)
        return _answer({"currency": wish.get("currency", ""), "rates": told or {}})

    async def advance_clock(self, request: web.Request) -> web.Response:
        """Jump ahead in time."""
        seconds = (await _read_object(request)).get("advance")
        if not _is_seconds(seconds):
            raise _bad_request("advance is a number of seconds from 0 on")
        self._state.world.clock.advance(float(seconds or 0))
        self._state.world.agenda.run_due()
        return _answer({"now": self._state.world.clock.now()})

    async def plant_discrepancy(self, request: web.Request) -> web.Response:
        """Let the report be wrong about one payment, or about one that never was."""
        wish = await _read_object(request)
        psp, kind, reference = (str(wish.get(name, "")) for name in ("psp", "kind", "reference"))
        try:
            planted = self._state.settlements.plant(psp=psp, kind=kind, reference=reference)
        except UnknownPlant as refusal:
            raise _bad_request(str(refusal)) from None
        return _answer({"psp": psp, "kind": kind, "balance_transaction": planted})

    async def close_settlement(self, request: web.Request) -> web.Response:
        """Pay out to the merchant's bank what was not paid out yet."""
        wish = await _read_object(request)
        psp, currency = str(wish.get("psp", "")), str(wish.get("currency", "eur"))
        payout = self._state.settlements.close(psp=psp, currency=currency)
        if payout is None:
            raise _bad_request("there is nothing to pay out")
        return _answer({"payout": payout.id, "amount": payout.amount, "currency": currency})

    async def show_settlement(self, request: web.Request) -> web.Response:
        """Answer with a PSP's report of a day in UTC."""
        psp, day = request.match_info["psp"], request.match_info["date"]
        if psp not in PSPS:
            raise web.HTTPNotFound(text=f"psp is one of {', '.join(PSPS)}")
        report = self._state.settlements.report(psp, day)
        return web.Response(text=report, content_type="text/csv")

    async def show_bank(self, request: web.Request) -> web.Response:
        """Answer with the bank statement of a day as camt.053."""
        statement = self._state.settlements.bank_statement(request.match_info["date"])
        return web.Response(text=statement, content_type="application/xml")


async def _read_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise _bad_request("the body is no JSON") from None
    if not isinstance(body, dict):
        raise _bad_request("the body is no object")
    return body


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _answer(body: dict[str, Any]) -> web.Response:
    return web.json_response(body)


def _bad_request(text: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")
