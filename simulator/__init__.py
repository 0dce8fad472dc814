"""
The payment service providers of the development world, in one process.

Speaks the parts of their HTTP APIs that the platform uses, keeps books of its own, sends signed
webhooks and fails on request. It knows nothing of the platform, so its books can bear witness.
"""
