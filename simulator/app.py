"""Wires everything up and listens: one port for all, one more for the PSPs alone."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from simulator import three_ds
from simulator.card_fields import CardFields
from simulator.control import Control
from simulator.front import reset
from simulator.psp import Psp
from simulator.state import Options, State

HOST = "127.0.0.1"

# Stopping does not wait for calls that a fault holds back.
_SHUTDOWN_SECONDS = 0.2
_BACKLOG = 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PspListener:
    """The PSPs' own port. While a PSP refuses everything, nobody listens there."""

    def __init__(self, state: State, port: int) -> None:
        self._state = state
        self._port = port
        self._runner: web.AppRunner | None = None
        # Two control requests at once must not open the port twice.
        self._changing = asyncio.Lock()

    async def follow_faults(self) -> None:
        """Close the port, or open it again, as the faults say."""
        # All PSPs of the port go down together: a port is open for everyone or for no one.
        async with self._changing:
            if any(self._state.faults.is_refused(psp) for psp in self._state.psps):
                await self.close()
            elif self._runner is None:
                await self._open()

    async def close(self) -> None:
        """Stop listening and reset the connections that are open."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for connection in runner.server.connections if runner.server else []:
            reset(connection.transport)
        # Let the connections go first: what they asked for is worked on to its end, unheard.
        await asyncio.sleep(0)
        await runner.cleanup()

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_routes(_psp_routes(self._state))
        self._runner = await _listen(app, self._port)


async def run(options: Options, *, ready: Callable[[], None] | None = None) -> None:
    """
    Serve until SIGTERM or SIGINT.

    `ready` is called once all ports are open.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with serving(options):
        if ready is not None:
            ready()
        await stopping.wait()


@contextlib.asynccontextmanager
async def serving(options: Options) -> AsyncIterator[State]:
    """Open the ports, keep time and send webhooks until the block ends."""
    state = State(options)
    listener = PspListener(state, options.psp_port) if options.psp_port else None

    async def on_faults_changed() -> None:
        if listener is not None:
            await listener.follow_faults()

    app = web.Application()
    app.router.add_routes(Control(state, on_faults_changed=on_faults_changed).routes())
    app.router.add_get(three_ds.PATH, state.world.challenges.show)
    app.router.add_post(three_ds.PATH, state.world.challenges.take_answer)
    app.router.add_routes(CardFields(state.world.clock).routes())
    app.router.add_routes(_psp_routes(state))
    runner = await _listen(app, options.port)
    await on_faults_changed()
    chores = [
        asyncio.create_task(state.world.agenda.keep_looking()),
        asyncio.create_task(state.world.webhooks.pump()),
    ]
    try:
        yield state
    finally:
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        if listener is not None:
            await listener.close()
        await runner.cleanup()
        state.keep()


async def _listen(app: web.Application, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=_BACKLOG).start()
    return runner


def _psp_routes(state: State) -> list[web.RouteDef]:
    return [
        web.route("*", f"{path}{{tail:.*}}", _handler(state, psp))
        for psp in state.psps.values()
        for path in psp.paths
    ]


def _handler(state: State, psp: Psp) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await state.front.serve(psp, request)

    return handle
