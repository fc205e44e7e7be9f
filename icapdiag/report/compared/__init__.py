"""Reports held against each other: before and after (`diff`), from here and from there (`merge`)."""
