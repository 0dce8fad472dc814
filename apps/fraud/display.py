"""How risk looks to staff, here and beside payments."""

from django.utils.safestring import SafeString

from apps.backoffice.kit.display import NOTHING, Tone, chip
from apps.fraud.states import Level

_TONES = {Level.HIGHEST: Tone.BAD, Level.ELEVATED: Tone.WARNING}


def score_chip(score: int | None, level: str) -> SafeString:
    """Return a score of 100, which is the worst, with the colour of its level."""
    text = NOTHING if score is None else str(score)
    return chip(text, _TONES.get(Level(level), Tone.NEUTRAL))
