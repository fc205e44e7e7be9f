"""icapdiag: find out why ICAP scanning behind Avi Load Balancer misbehaves."""

__version__ = "0.1.0"
