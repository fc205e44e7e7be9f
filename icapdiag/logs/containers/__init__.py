"""What logs come in: recognised by content, taken apart into records, and those into entries."""
