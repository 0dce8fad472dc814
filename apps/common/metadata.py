"""What merchants note on an object: texts by name, changed name by name."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from apps.common.errors import DomainError

METADATA_MAX_KEYS: Final = 50


class MetadataInvalid(DomainError):
    code: ClassVar[str] = "metadata_invalid"
    status: ClassVar[int] = 400


def merge_metadata(
    current: Mapping[str, str], change: Mapping[str, str] | None, *, param: str = "metadata"
) -> dict[str, str]:
    """
    Return the metadata after an update; `change` None unsets all keys, an empty value its key.

    :raises MetadataInvalid: the result has too many keys
    """
    if change is None:
        return {}
    merged = {key: text for key, text in {**current, **change}.items() if text != ""}
    if len(merged) > METADATA_MAX_KEYS:
        raise MetadataInvalid(f"{param} has more than {METADATA_MAX_KEYS} keys.", param=param)
    return merged


def with_metadata(changes: Mapping[str, Any], current: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the columns that an update sets, its metadata merged into the `current`.

    To be asked once the row is locked: of two updates at once neither loses a key.

    :raises MetadataInvalid: the result has too many keys
    """
    if "metadata" not in changes:
        return dict(changes)
    return {**changes, "metadata": merge_metadata(current, changes["metadata"])}
