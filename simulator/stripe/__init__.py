"""Stripe, as far as the platform needs it, in the shapes of `API_VERSION`."""

API_VERSION = "2026-10-28.endive"
