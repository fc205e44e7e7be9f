"""The pool file: which ICAP servers to look at, and Avi's profile in force.

`load_pool` reads pool.yaml or what Avi's API returns, `pool_from_urls` the command line's URLs.
Both raise `PoolError` with every mistake at once, each with file, line and column.
"""

from icapdiag.mistakes import Located
from icapdiag.pool.load import load_pool, loads_pool, pool_from_urls
from icapdiag.pool.model import TLS, Member, Pool, PoolError, Profile, Suppression

__all__ = [
    "TLS",
    "Located",
    "Member",
    "Pool",
    "PoolError",
    "Profile",
    "Suppression",
    "load_pool",
    "loads_pool",
    "pool_from_urls",
]
