"""From what the user typed to a stream of UTF-8 bytes, whatever it is wrapped in."""
