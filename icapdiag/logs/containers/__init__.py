"""What logs come in: told by content, taken apart into records, and those into entries."""
