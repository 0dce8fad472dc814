"""How one sum becomes another, step by step: each bar begins where the one before it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Final

from apps.backoffice.kit.dashboard import BAR_STEP, BAR_WIDTH, BARS_MIN, CHART_HEIGHT
from apps.backoffice.kit.display import Tone

# A step of nothing, or next to it, is still seen.
_LEAST_HEIGHT: Final = 1


@dataclass(frozen=True, slots=True)
class Step:
    """By how much the sum changes, and how that is said."""

    label: str
    amount: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waterfall:
    """
    Steps from nothing to what they add up to, which stands last, and the same as a table.

    Drawn by the server, so that it needs no script, and said in a table, so that it needs no eyes.
    """

    template: ClassVar[str] = "admin/backoffice/panels/waterfall.html"
    title: str
    hint: str
    columns: tuple[str, str]
    steps: Sequence[Step]
    total: Step

    @property
    def shapes(self) -> list[dict[str, object]]:
        """Return each bar with its place in the drawing."""
        ends = list(accumulate(step.amount for step in self.steps))
        spans = list(zip([0, *ends], ends, strict=False))
        top, bottom = max([0, *ends, self.total.amount]), min([0, *ends, self.total.amount])
        height = top - bottom or 1

        def scaled(value: int) -> int:
            return (top - value) * (CHART_HEIGHT - 2) // height

        return [
            {
                "step": step,
                "tone": tone,
                "x": place * BAR_STEP + (BAR_STEP - BAR_WIDTH) // 2,
                "width": BAR_WIDTH,
                "y": scaled(max(start, end)),
                "height": max(scaled(min(start, end)) - scaled(max(start, end)), _LEAST_HEIGHT),
            }
            for place, (step, tone, (start, end)) in enumerate(
                [
                    *(
                        (step, Tone.BAD if step.amount < 0 else Tone.GOOD, span)
                        for step, span in zip(self.steps, spans, strict=True)
                    ),
                    (self.total, Tone.BUSY, (0, self.total.amount)),
                ]
            )
        ]

    @property
    def view_box(self) -> str:
        """Return the drawing's measures as SVG wants them."""
        width = max(len(self.steps) + 1, BARS_MIN) * BAR_STEP
        return f"0 0 {width} {CHART_HEIGHT}"
