"""The probes, one a module, and what some of them share."""
