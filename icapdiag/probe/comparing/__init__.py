"""How the members of a pool compare, derived from the observations of the probes."""
