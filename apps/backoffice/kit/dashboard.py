"""What the first page shows; config/backoffice.py lists it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from apps.backoffice.kit.display import Tone
from apps.common.origin import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """
    Work that waits: a number and the list behind it.

    `count` is the path of `(user: User, *, now: datetime) -> int` which answers from an index;
    `url` is the name of the list, `query` narrows it down. `permission` decides who sees it.
    """

    label: str
    hint: str
    count: str
    url: str
    permission: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """
    Whose figures a dashboard shows, in which currency, and when.

    `choices` are the other views: label, query of the address, and whether it is this one;
    `narrower` are more of them by what they choose. Without `days` each chart shows its own span,
    without a `gateway` all of them. `old_at` is of when the figures are, if they are too old to be
    taken for now's.
    """

    scope: Scope
    currency: str
    now: datetime
    choices: Sequence[tuple[str, str, bool]] = ()
    old_at: datetime | None = None
    days: int = 0
    gateway: str = ""
    narrower: Sequence[tuple[str, Sequence[tuple[str, str, bool]]]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One number, ready to be read; `hint` says what it is made of or how it moved."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """
    One column of a chart: what it is of, how high it is, and its number in words.

    `low` and `high` are the ends of the band around a guess; an `is_open` period is not over yet.
    """

    label: str
    height: int
    text: str
    low: int = 0
    high: int = 0
    tone: Tone = Tone.NEUTRAL
    is_open: bool = False


# The drawing's own measures; the page scales it.
BAR_STEP: Final = 24
# A drawing is as wide as that many bars, so that a few are not stretched over it.
BARS_MIN: Final = 8
BAR_WIDTH: Final = 16
CHART_HEIGHT: Final = 120
# An arrow above a column, and the air below its tip.
MARK_HEIGHT: Final = 14
MARK_GAP: Final = 3
# So few bars have their labels below each of them; more only below the first and the last.
LABELLED_MAX: Final = 4


def _width_of(bars: int) -> int:
    return max(bars, BARS_MIN) * BAR_STEP


def _places_of(bars: int) -> list[int]:
    """Return where each bar begins: evenly over the drawing, also when they are few."""
    step = _width_of(bars) // max(bars, 1)
    return [place * step + (step - BAR_WIDTH) // 2 for place in range(bars)]


class _Columned(ABC):
    """A drawing of columns side by side."""

    __slots__ = ()

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return what each column is called."""

    @property
    def width(self) -> int:
        """Return how wide the drawing is."""
        return _width_of(len(self.names))

    @property
    def labels(self) -> Sequence[str]:
        """Return what stands below the drawing, from one end to the other."""
        names = self.names
        return names if len(names) <= LABELLED_MAX else (names[0], names[-1])

    @property
    def is_each_labelled(self) -> bool:
        return len(self.names) == len(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart(_Columned):
    """
    Bars with their table; `limit` is a line not to be crossed, in the bars' own unit.

    Drawn by the server, so that it needs no script, and said in a table, so that it needs no eyes.
    """

    template: ClassVar[str] = "admin/backoffice/panels/chart.html"
    title: str
    hint: str
    columns: tuple[str, str]
    bars: Sequence[Bar]
    limit: int = 0
    limit_text: str = ""
    most: int = 0

    @property
    def names(self) -> Sequence[str]:
        """Return what each bar is called."""
        return [bar.label for bar in self.bars]

    @property
    def shapes(self) -> list[dict[str, object]]:
        """Return each bar with its place in the drawing."""
        return [
            {
                "bar": bar,
                "x": x,
                "middle": x + BAR_WIDTH // 2,
                "width": BAR_WIDTH,
                "y": CHART_HEIGHT - self._scaled(bar.height),
                "height": self._scaled(bar.height),
                "high_y": CHART_HEIGHT - self._scaled(bar.high),
                "low_y": CHART_HEIGHT - self._scaled(bar.low),
            }
            for x, bar in zip(_places_of(len(self.bars)), self.bars, strict=True)
        ]

    @property
    def limit_y(self) -> int:
        """Return where the line stands."""
        return CHART_HEIGHT - self._scaled(self.limit)

    @property
    def view_box(self) -> str:
        """Return the drawing's measures as SVG wants them."""
        return f"0 0 {self.width} {CHART_HEIGHT}"

    def _scaled(self, value: int) -> int:
        top = self.most or max([self.limit, *(max(bar.height, bar.high) for bar in self.bars), 1])
        return max(0, min(value, top)) * (CHART_HEIGHT - 2) // top


@dataclass(frozen=True, kw_only=True, slots=True)
class Stacks(_Columned):
    """
    Columns of several parts each, from the bottom up, with their table.

    `parts` name the parts and their tones; each stack has its label and a number for every part.
    What happened beside may be marked above the columns: `marks` says how often, for each of them,
    and `mark` what it is called.
    """

    template: ClassVar[str] = "admin/backoffice/panels/stacks.html"
    title: str
    hint: str
    first_column: str
    parts: Sequence[tuple[str, Tone]]
    stacks: Sequence[tuple[str, Sequence[int]]]
    mark: str = ""
    marks: Sequence[int] = ()

    @property
    def columns(self) -> list[str]:
        """Return the titles of the table."""
        parts = [part for part, _ in self.parts]
        return [self.first_column, *parts, *([self.mark] if self.marks else [])]

    @property
    def rows(self) -> list[tuple[str, Sequence[int]]]:
        """Return the numbers of the table, with what is marked in the last column."""
        if not self.marks:
            return list(self.stacks)
        pairs = zip(self.stacks, self.marks, strict=True)
        return [(label, [*counts, mark]) for (label, counts), mark in pairs]

    @property
    def names(self) -> Sequence[str]:
        """Return what each stack is called."""
        return [label for label, _ in self.stacks]

    @property
    def is_empty(self) -> bool:
        return not any(sum(counts) for _, counts in self.stacks)

    @property
    def shapes(self) -> list[dict[str, object]]:
        """Return each part of each stack with its place in the drawing."""
        most = max((sum(counts) for _, counts in self.stacks), default=0) or 1
        shapes: list[dict[str, object]] = []
        places = _places_of(len(self.stacks))
        for x, (label, counts) in zip(places, self.stacks, strict=True):
            top = CHART_HEIGHT
            for (part, tone), count in zip(self.parts, counts, strict=True):
                height = count * (CHART_HEIGHT - 2) // most
                top -= height
                shapes.append(
                    {
                        "title": f"{label}, {part}: {count}",
                        "tone": tone,
                        "x": x,
                        "y": top,
                        "width": BAR_WIDTH,
                        "height": height,
                    }
                )
        return shapes

    @property
    def arrows(self) -> list[dict[str, str]]:
        """Return an arrow down to each column that is marked."""
        found = []
        places = _places_of(len(self.stacks))
        for left, (label, _), count in zip(places, self.stacks, self.marks, strict=False):
            tip = f"{left + BAR_WIDTH // 2},{-MARK_GAP}"
            points = f"{left},{-MARK_HEIGHT} {left + BAR_WIDTH},{-MARK_HEIGHT} {tip}"
            if count:
                found.append({"title": f"{label}, {self.mark}: {count}", "points": points})
        return found

    @property
    def view_box(self) -> str:
        """Return the drawing's measures as SVG wants them."""
        above = MARK_HEIGHT if self.marks else 0
        return f"0 {-above} {self.width} {CHART_HEIGHT + above}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """
    Bars that lie, each with its name and its number in words beside it: for kinds, not for times.

    `most` is the full length; `limit` is a line not to be crossed. Both are in the bars' own unit.
    """

    template: ClassVar[str] = "admin/backoffice/panels/rows.html"
    title: str
    hint: str
    bars: Sequence[Bar]
    most: int
    limit: int = 0

    @property
    def shapes(self) -> list[dict[str, object]]:
        """Return each bar with its lengths in per cent."""
        return [
            {
                "bar": bar,
                "length": self._scaled(bar.height),
                "low": self._scaled(bar.low),
                "high": self._scaled(bar.high),
            }
            for bar in self.bars
        ]

    @property
    def limit_x(self) -> int:
        """Return where the line stands."""
        return self._scaled(self.limit)

    def _scaled(self, value: int) -> int:
        return max(0, min(value, self.most)) * 100 // self.most


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Where figures come from: `read` is the path of `(view: View) -> list[Figure]`."""

    read: str
    permission: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Charts:
    """Where a chart comes from: `read` is the path of `(view: View) -> Chart | None`."""

    read: str
    permission: str
