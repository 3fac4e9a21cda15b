"""Webhooks: other programs are told when models newly run, a list changes, or filling the catalogue fails.

``subscriptions`` listens to the writers. ``runnable``, ``lists`` and ``runs`` notice what happened and put it into the
``outbox``, in the transaction of the change itself; ``tasks`` sends it afterwards, in the ``tasks`` process, through
``delivery``, which alone speaks HTTP. Where no active webhook wants an event, nothing is worked out for it.
"""
