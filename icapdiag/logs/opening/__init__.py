"""Turns the user's arguments into streams of UTF-8 bytes, decompressed and decoded."""
