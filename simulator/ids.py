"""Ids in the PSPs' form: a prefix and random letters and digits, the same again for one seed."""

import random
import string

_ALPHABET = string.ascii_letters + string.digits
_ID_CHARS = 24


class Ids:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def new(self, prefix: str) -> str:
        """Return a new id, `prefix_...`."""
        return f"{prefix}_{self.random_text(_ID_CHARS)}"

    def random_digits(self, digits: int) -> str:
        """Return random digits."""
        return "".join(self._chance.choices(string.digits, k=digits))

    def random_text(self, chars: int) -> str:
        """Return random letters and digits."""
        return "".join(self._chance.choices(_ALPHABET, k=chars))
