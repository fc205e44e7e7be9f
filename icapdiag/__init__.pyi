from icapdiag.api.checking import check as check
from icapdiag.api.diagnosing import diagnose as diagnose
from icapdiag.api.explaining import explain as explain
from icapdiag.api.linting import lint as lint
from icapdiag.logs.counting.filters import Filters as Filters
from icapdiag.model import Report as Report
from icapdiag.probe import Settings as Settings

__version__: str
__all__ = ["Filters", "Report", "Settings", "__version__", "check", "diagnose", "explain", "lint"]
