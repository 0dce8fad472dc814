"""Filters for the back-office's templates."""

from django import template

from apps.backoffice.kit import display

register = template.Library()
register.filter("moment", display.moment)
