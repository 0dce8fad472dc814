"""Train the shipped model anew on the made-up world; needs requirements/ml.txt."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from apps.fraud.default_model import DEFAULT_MODEL

SEED = 20_261_101

CARD = (
    "Trained on a made-up world (apps/fraud/synthetic.py) of stolen and tested cards, compromised"
    " sellers and label noise. It has never seen a real payment or a real fraud, uses no absolute"
    " amounts, and must not decide on its own: its score is recorded and shown, and rules may ask"
    " for it. Train a model on your own labels as soon as there are 200 frauds."
)


class Command(BaseCommand):
    help = __doc__

    def handle(self, *_args: Any, **_options: Any) -> None:
        # Imported here: the library is not installed where payments are answered.
        from apps.fraud.training import train_default  # noqa: PLC0415

        artifact = train_default(seed=SEED)
        artifact["card"] = CARD
        DEFAULT_MODEL.write_text(json.dumps(artifact, separators=(",", ":")) + "\n")
        self.stdout.write(f"{DEFAULT_MODEL.name}: version {artifact['version']}")
