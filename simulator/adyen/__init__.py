"""Adyen's Checkout API, as far as the platform needs it, and its notifications."""
