"""``icapdiag check``: the options, the run and its report."""
