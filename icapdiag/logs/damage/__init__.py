"""JSON objects in a text, damaged or not, and every liberty that was taken to read them."""
