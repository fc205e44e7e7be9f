"""Formats for programs: JSON, and those of monitoring, CI and code scanning."""
