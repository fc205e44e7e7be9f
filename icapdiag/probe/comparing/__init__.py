"""What members have in common and what sets one apart, worked out from what the probes saw."""
