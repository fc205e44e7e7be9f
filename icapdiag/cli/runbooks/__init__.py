"""``icapdiag runbooks``: the library, read and tested."""
