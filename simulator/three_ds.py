"""The bank's page on which a payer proves to be the cardholder (3-D Secure)."""

import html
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from string import Template

from aiohttp import web

from simulator.ids import Ids

PATH = "/3ds/{challenge}"

_PAGE = Template((Path(__file__).parent / "three_ds.html").read_text(encoding="utf-8"))
_FORM = """<form method="post">
<button name="outcome" value="approve">Approve</button>
<button name="outcome" value="fail">Fail authentication</button>
<button name="outcome" value="cancel">Cancel</button>
</form>"""


class ChallengeOutcome(StrEnum):
    APPROVE = "approve"
    FAIL = "fail"
    CANCEL = "cancel"


@dataclass(kw_only=True, slots=True)
class Challenge:
    """One question to a payer; `finish` hears the answer once."""

    text: str
    return_url: str
    finish: Callable[[ChallengeOutcome], None]
    is_answered: bool = False

    def answer(self, outcome: ChallengeOutcome) -> None:
        """Tell the PSP; a second click changes nothing."""
        if not self.is_answered:
            self.is_answered = True
            self.finish(outcome)


class Challenges:
    """The open and answered questions, and the pages that ask them."""

    def __init__(self, ids: Ids, base_url: str) -> None:
        self._ids = ids
        self._base_url = base_url
        self._challenges: dict[str, Challenge] = {}

    def open(self, challenge: Challenge) -> str:
        """Return the address of the page that asks."""
        reference = self._ids.new("challenge")
        self._challenges[reference] = challenge
        return self._base_url + PATH.format(challenge=reference)

    def clear(self) -> None:
        """Forget all questions."""
        self._challenges.clear()

    async def show(self, request: web.Request) -> web.Response:
        """Ask the payer."""
        challenge = self._find(request)
        if challenge.is_answered:
            return _leave(challenge)
        return _page(challenge.text, _FORM)

    async def take_answer(self, request: web.Request) -> web.Response:
        """Hear the payer, then send the browser back to the shop."""
        challenge = self._find(request)
        form = await request.post()
        try:
            outcome = ChallengeOutcome(str(form.get("outcome")))
        except ValueError:
            raise web.HTTPBadRequest(text="outcome is approve, fail or cancel") from None
        challenge.answer(outcome)
        return _leave(challenge)

    def _find(self, request: web.Request) -> Challenge:
        challenge = self._challenges.get(request.match_info["challenge"])
        if challenge is None:
            raise web.HTTPNotFound(text="no such challenge")
        return challenge


def _leave(challenge: Challenge) -> web.Response:
    if challenge.return_url:
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": challenge.return_url})
    return _page("Thank you. You may close this window.", "")


def _page(text: str, form: str) -> web.Response:
    page = _PAGE.substitute(text=html.escape(text), form=form)
    return web.Response(text=page, content_type="text/html")
