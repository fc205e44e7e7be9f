"""Fuzzers: readers of hostile bytes are fed damaged and made-up inputs, and must keep what each target states."""
