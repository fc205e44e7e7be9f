"""For people who read a page or a ticket: one document, in the markups of several systems."""
