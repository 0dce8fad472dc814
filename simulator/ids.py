"""Ids in the PSPs' form: a prefix and random letters and digits, the same again for one seed."""

import hashlib
import random
import string

_ALPHABET = string.ascii_letters + string.digits
_ID_CHARS = 24


# What acquirers number card movements with.
_ARN_DIGITS = 23


def acquirer_reference(id_: str) -> str:
    """Return the acquirer's number of a movement: always the same for the same id."""
    number = int.from_bytes(hashlib.sha256(id_.encode()).digest()) % 10 ** (_ARN_DIGITS - 1)
    return f"7{number:0{_ARN_DIGITS - 1}d}"


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
