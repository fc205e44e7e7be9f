"""From the facts of a report to what it says to people: typed blocks. Each format draws them, and derives nothing."""
