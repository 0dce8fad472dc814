"""How what people pay with looks to staff, here and beside payments."""

from apps.backoffice.kit.display import NOTHING, words


def funding_in_words(funding: str) -> str:
    """Return e.g. `Credit card`: a credit alone is a column of the books."""
    return words(f"{funding}_card") if funding else NOTHING
