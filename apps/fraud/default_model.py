"""The model that ships: trained on a made-up world, so its score is shown but never acts."""

import json
from pathlib import Path
from typing import Any, Final

DEFAULT_MODEL: Final = Path(__file__).with_name("default_model.json")


def read_default_artifact() -> dict[str, Any]:
    """Return the artifact that `manage.py build_default_fraud_model` wrote."""
    artifact: dict[str, Any] = json.loads(DEFAULT_MODEL.read_text())
    return artifact
