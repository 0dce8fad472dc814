"""
`common_without_person(value)` empties two more: the end of a statement's text, as it does the whole
of it, and why somebody left.
"""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.common.migrations.0002_erasure").WITHOUT_PERSON.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
WITHOUT_PERSON = _BEFORE.replace(
    "'statement_descriptor', ",
    "'statement_descriptor', 'statement_descriptor_suffix', 'comment', 'cancellation_comment', ",
)


class Migration(migrations.Migration):
    dependencies = [("common", "0002_erasure")]

    operations = [migrations.RunSQL(WITHOUT_PERSON, _BEFORE)]
