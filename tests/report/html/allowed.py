"""The elements and attributes that the page is made of; anything else came from somebody else."""

_DOCUMENT = "html head meta title style body header main section footer nav"
_TEXT = "div p h1 h2 h3 h4 ul ol li dl dt dd b em span code a details summary article figure figcaption"
_TABLE = "table thead tbody tr th td"
_DRAWING = "svg symbol use g path circle rect line text desc"
ELEMENTS = frozenset(f"{_DOCUMENT} {_TEXT} {_TABLE} {_DRAWING}".split())

_PLAIN = "lang charset http-equiv content name class id href tabindex open scope data-of"
_ARIA = "role aria-label aria-labelledby aria-describedby aria-hidden"
_SHAPES = "focusable width height x y x1 x2 y1 y2 cx cy r rx d viewBox overflow text-anchor"
ATTRIBUTES = frozenset(f"{_PLAIN} {_ARIA} {_SHAPES}".split())
