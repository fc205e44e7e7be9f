"""A Controller to test against: its API over HTTPS, as documented and as recorded from a real one.

`Controller` (controller.py) is the whole of it, `Truth` (truth.py) what happened at its virtual services. Nothing in
here is imported by icapdiag.
"""
