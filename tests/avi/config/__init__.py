"""Reading Avi configuration objects."""
