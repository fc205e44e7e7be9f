"""``icapdiag report``: saved reports, one file a command."""
