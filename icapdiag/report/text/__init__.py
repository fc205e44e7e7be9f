"""Text in lines: how it is laid out, and the words that several formats say the same with."""
