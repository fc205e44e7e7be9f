"""An Avi Controller: what is asked of it, and the folder that its answers are kept in. Nothing on it is changed."""
