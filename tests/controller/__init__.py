"""The Controller: what is asked of it, and what is kept."""
