"""``icapdiag explain``: the options, the reading and its report."""
