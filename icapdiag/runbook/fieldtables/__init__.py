"""The documented fields, a module for each kind of thing that is observed."""
