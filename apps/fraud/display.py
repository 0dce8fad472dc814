"""How risk looks to staff, here and beside payments."""

from typing import Final

from django.utils.safestring import SafeString

from apps.backoffice.kit.display import NOTHING, Tone, chip
from apps.fraud.states import Level

# What the levels of a score look like; all others like nothing in particular.
LEVEL_TONES: Final = {Level.HIGHEST: Tone.BAD, Level.ELEVATED: Tone.WARNING}


def score_chip(score: int | None, level: str) -> SafeString:
    """Return a score of 100, which is the worst, with the colour of its level."""
    text = NOTHING if score is None else str(score)
    return chip(text, LEVEL_TONES.get(Level(level), Tone.NEUTRAL))
