"""The door of the PSPs: lets faults strike, calls the PSP, logs the call."""

import asyncio
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web

from simulator.calls import Call, CallLog
from simulator.clock import Clock
from simulator.faults import CALL_KINDS, Fault, FaultKind, Faults
from simulator.psp import Answer, Message, Psp, Sabotage
from simulator.webhooks import Webhooks

# Closing with this option resets the connection instead of ending it politely.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_UNWORKED_STATUS = {
    FaultKind.HTTP_429: HTTPStatus.TOO_MANY_REQUESTS,
    FaultKind.HTTP_500: HTTPStatus.INTERNAL_SERVER_ERROR,
}

Plan = Mapping[FaultKind, Fault]


class Front:
    def __init__(self, *, clock: Clock, faults: Faults, calls: CallLog, webhooks: Webhooks) -> None:
        self._clock = clock
        self._faults = faults
        self._calls = calls
        self._webhooks = webhooks
        self._working: set[asyncio.Task[Any]] = set()

    async def serve(self, psp: Psp, request: web.Request) -> web.StreamResponse:
        """Answer one call to a PSP, as well as the faults allow."""
        message = Message(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        call, plan = self._log(psp, message)
        with self._at_work():
            answer = await self._perform(psp, message, plan)
        if answer is None:
            return drop_connection(request)
        call.status = answer.status
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    def abandon(self) -> None:
        """Drop the calls that faults hold back, so that none of them works after a reset."""
        for task in self._working:
            task.cancel()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("calls are served in tasks")
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)

    def _log(self, psp: Psp, message: Message) -> tuple[Call, Plan]:
        subject = psp.subject_of(message)
        facts = {
            "path": (message.path,),
            "method": (message.method,),
            "reference": subject.references,
            "token": (subject.token,),
            "currency": (subject.currency,),
        }
        struck = self._faults.strike(psp.name, CALL_KINDS, facts)
        call = Call(
            at=self._clock.now(),
            psp=psp.name,
            method=message.method,
            path=message.path,
            subject=subject,
            idempotency_key=message.headers.get("idempotency-key", ""),
            fault=",".join(fault.kind for fault in struck),
        )
        self._calls.add(call)
        return call, {fault.kind: fault for fault in struck}

    async def _perform(self, psp: Psp, message: Message, plan: Plan) -> Answer | None:
        """Return the answer, None when the connection is to break instead."""
        if FaultKind.REFUSE in plan:
            return None
        if FaultKind.TIMEOUT_BEFORE in plan:
            await asyncio.sleep(plan[FaultKind.TIMEOUT_BEFORE].seconds)
            return None
        sabotage = _plan_sabotage(plan)
        for kind, status in _UNWORKED_STATUS.items():
            if kind in plan:
                await asyncio.sleep(sabotage.latency_seconds)
                return psp.refusal(status)
        answer = await psp.answer(message, sabotage)
        await self._notify(answer, is_early=FaultKind.EARLY_WEBHOOK in plan)
        if FaultKind.TIMEOUT_AFTER in plan:
            await asyncio.sleep(plan[FaultKind.TIMEOUT_AFTER].seconds)
            return None
        return answer

    async def _notify(self, answer: Answer, *, is_early: bool) -> None:
        deliveries = self._webhooks.send(answer.notices)
        if is_early:
            await self._webhooks.send_now(deliveries)


def drop_connection(request: web.Request) -> web.StreamResponse:
    """Break the connection with a reset. The response returned is for the framework, not sent."""
    reset(request.transport)
    return web.Response()


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Reset the connection, unless it is gone already."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def _plan_sabotage(plan: Plan) -> Sabotage:
    latency = plan.get(FaultKind.LATENCY)
    return Sabotage(
        latency_seconds=latency.seconds if latency else 0.0,
        breaks_after=FaultKind.HTTP_500_AFTER in plan,
        charges_wrong_amount=FaultKind.WRONG_AMOUNT in plan,
    )
