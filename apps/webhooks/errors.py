"""What can go wrong with webhooks, in and out."""


class UnknownObject(Exception):
    """
    A gateway's event is about an object that we do not have (yet): try again later.

    A webhook may overtake the commit of the call that caused it.
    """
