"""Which function loads the objects behind an id's prefix, for `expand[]` in the API."""

LOADERS: dict[str, str] = {}
