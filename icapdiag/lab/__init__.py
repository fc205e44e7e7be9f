"""An embedded ICAP server with named faults: for ``check --lab``, ``icapdiag lab`` and the tests."""

from icapdiag.lab.connection import Connection, Counters
from icapdiag.lab.dialects import DIALECTS
from icapdiag.lab.faults import FAULTS, faults_of
from icapdiag.lab.members import Fault, LabMember
from icapdiag.lab.scanner import SERVICE_URI, Scanner
from icapdiag.lab.server import Lab, serve_lab

__all__ = ["DIALECTS", "FAULTS", "SERVICE_URI", "Connection", "Counters", "Fault", "Lab", "LabMember", "Scanner",
           "faults_of", "serve_lab"]  # fmt: skip
