"""Linting an Avi configuration: right ones, and what each mistake in one leads to."""
