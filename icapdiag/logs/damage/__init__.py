"""JSON objects in a text, damaged or not, and every fix that was needed to read them."""
