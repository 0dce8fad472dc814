"""How long the latest requests took, drawn above their list."""

from typing import Final

from apps.api.models import LoggedRequest
from apps.backoffice.kit.dashboard import Bar, Chart

# As many of the latest requests are read, whatever came in: an index holds them.
GROUPS: Final = 24
GROUP_SIZE: Final = 100


def draw_durations() -> Chart:
    """Return the middle and the slow end of each group of requests, the latest on the right."""
    latest = LoggedRequest.objects.order_by("-pk").values_list("created_at", "duration_ms")
    rows = list(latest[: GROUPS * GROUP_SIZE])[::-1]
    bars = []
    for start in range(0, len(rows), GROUP_SIZE):
        group = rows[start : start + GROUP_SIZE]
        taken = sorted(duration for _, duration in group)
        middle, slow = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
        bars.append(
            Bar(
                label=f"{group[0][0]:%d %b %H:%M}",
                height=middle,
                text=f"{middle:,} ms, p95 {slow:,} ms",
                low=middle,
                high=slow,
            )
        )
    return Chart(
        title="Duration",
        hint=f"Median and, as a line, p95 of {GROUP_SIZE} requests each; times are UTC.",
        columns=("From", "Duration"),
        bars=bars,
    )
