"""Tests of `icapdiag.capture`."""
