"""Log containers: recognised by content, split into records, and those into entries."""
