"""e2guardian as an ICAP server: the smallest configuration that starts."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from tests.interop.programs import Namespace, Program, Programs, free_port, need, need_root

_STOCK = Path("/etc/e2guardian")


def start(programs: Programs, namespace: Namespace, port: int, *, name: str = "e2guardian") -> Program:
    """Start e2guardian. It binds its ICAP port on every address, hence the network of its own."""
    need_root("e2guardian changes its user")
    program = need("e2guardian")
    folder = programs.folder / name
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    # The file of the filter group is looked for beside the main one.
    shutil.copy(_STOCK / "e2guardianf1.conf", folder)
    configuration = folder / "e2guardian.conf"
    configuration.write_text(_configuration(folder, port))
    return programs.start(
        name,
        [program, "-N", "-c", str(configuration)],
        ports=[("127.0.0.1", port)],
        namespace=namespace,
        logs=[folder / "access.log"],
        stop_signal=signal.SIGKILL,  # it does not end on SIGTERM
    )


def _configuration(folder: Path, port: int) -> str:
    lists = _STOCK / "lists"
    return f"""\
languagedir = '/usr/share/e2guardian/languages'
language = 'ukenglish'
loglevel = 3
logfileformat = 1
loglocation = '{folder}/access.log'
pidfilename = '{folder}/pid'
nodaemon = on
filterip = 127.0.0.1
filterports = {free_port()}
icapport = {port}
proxytimeout = 5
connecttimeout = 5
proxyexchange = 61
pcontimeout = 55
httpworkers = 20
usecustombannedimage = off
usecustombannedflash = off
weightedphrasemode = 2
maxcontentfiltersize = 256
maxcontentramcachescansize = 2000
maxcontentfilecachescansize = 20000
filecachedir = '{folder}'
downloadmanager = '{_STOCK}/downloadmanagers/default.conf'
filtergroups = 1
filtergroupslist = '{lists}/filtergroupslist'
iplist = 'name=bannedclient,messageno=100,logmessageno=103,path={lists}/bannediplist'
iplist = 'name=exceptionclient,messageno=600,path={lists}/exceptioniplist'
iplist = 'name=authexception,messageno=602,path={lists}/authexceptioniplist'
sitelist = 'name=authexception,messageno=602,path={lists}/authexceptionsitelist'
urllist = 'name=authexception,messageno=603,path={lists}/authexceptionurllist'
preauthstoryboard = '{_STOCK}/preauth.story'
"""
