"""Large JSON, decoded in place a block at a time; what that can't take is handed to the fallback reader."""
