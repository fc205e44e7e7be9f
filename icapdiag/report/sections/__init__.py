"""The sections of a report as lines of text: what it says of its facts, in whatever format."""
