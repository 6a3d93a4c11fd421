"""The same drawings in fewer bytes: what the site holds of each figure's SVG.

matplotlib writes for tools that edit: a name for every part, a style for every mark, absolute
coordinates. A page only shows. Here names that nothing refers to go, a mark has the style of what
it repeats, a path goes on from where it is, and a text that comes again is written once. No
coordinate moves by more than `UNIT`, which cannot be seen.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

UNIT = 0.01
"""Of a coordinate, in points."""
GLYPH = 10
"""A letter is drawn in tenths of a hundredth of its size: at 20 points less than `UNIT`."""

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_TOKEN = re.compile(r"[MLHVQCZz]|-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
_URL = re.compile(r"url\(#([^)]*)\)")
_SHIFT = re.compile(r"translate\((\S+) (\S+)\)")
_COLOUR = re.compile(r"(?<![\w-])(fill|stroke):(#[0-9a-f]{6})")
_TWIN = re.compile(r'\[style\*="(fill|stroke):(#\w+)"\]\{\w+:(#\w+)!important\}')


def lighter(text: str) -> str:
    r"""Give a drawing of `rodflow_book.figures.svg` in fewer bytes.

    Example:
        >>> lighter('<svg xmlns="http://www.w3.org/2000/svg"><g id="axes_1">\n'
        ...         '<path id="a" d="M1 2.5L1.25 2.5L2 4" style="fill: none"/>\n</g></svg>')[40:]
        '<style>.a{fill:none}</style><path d="M1 2.5h.25l.75 1.5" class="a"/></svg>'
    """
    root = ElementTree.fromstring(text)
    # Among letters a space is one that draws nothing.
    blank = {e.get("id") for e in root.iter(f"{_SVG}path") if e.get("id") and not e.get("d")}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{_SVG}metadata" or child.get(_LINK, "")[1:] in blank:
                parent.remove(child)
    _define_at_the_top(root)
    _drop_repeated_styles(root)
    for element in root.iter():
        _shorten(element)
    _rename(root)
    _unwrap(root)
    _share(root)
    _classify(root)
    return _written(root)


# --- structure -----------------------------------------------------------------------------------


def _define_at_the_top(root: ElementTree.Element) -> None:
    """Bring what is defined in many places into one."""
    top = ElementTree.Element(f"{_SVG}defs")
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag == f"{_SVG}defs"]:
            top.extend(child)
            parent.remove(child)
    if len(top):
        # After the style sheet, if there is one.
        root.insert(sum(child.tag == f"{_SVG}style" for child in root), top)


def _style(element: ElementTree.Element) -> dict[str, str]:
    parts = (part.partition(":") for part in element.get("style", "").split(";") if part.strip())
    return {key.strip(): value.strip() for key, _, value in parts}


def _drop_repeated_styles(root: ElementTree.Element) -> None:
    """Leave to a mark only what the thing that it repeats does not say itself."""
    named = {e.get("id"): _style(e) for e in root.iter() if e.get("id") and e.tag != f"{_SVG}g"}
    for use in root.iter(f"{_SVG}use"):
        known = named.get(use.get(_LINK, "")[1:], {})
        left = {k: v for k, v in _style(use).items() if k not in known}
        use.set("style", ";".join(f"{k}:{v}" for k, v in left.items()))


def _rename(root: ElementTree.Element) -> None:
    """Give what is referred to a short name, and all else none."""
    links = [e.get(_LINK, "")[1:] for e in root.iter() if e.get(_LINK, "").startswith("#")]
    links += [name for e in root.iter() for v in e.attrib.values() for name in _URL.findall(v)]
    names = dict(zip((name for name, _ in Counter(links).most_common()), _names(), strict=False))
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id":
                del element.attrib["id"]
                if value in names:
                    element.set("id", names[value])
            elif key == _LINK and value.startswith("#"):
                element.set(key, f"#{names[value[1:]]}")
            elif "url(" in value:
                element.set(key, _URL.sub(lambda found: f"url(#{names[found[1]]})", value))


def _names(first: str = "") -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for length in itertools.count(1):
        for name in itertools.product(letters, repeat=length):
            yield first + "".join(name)


def _unwrap(element: ElementTree.Element) -> None:
    """Take out the groups that say nothing."""
    children: list[ElementTree.Element] = []
    for child in element:
        _unwrap(child)
        bare = child.tag == f"{_SVG}g" and not child.attrib
        children += list(child) if bare else [child]
    element[:] = children


def _share(root: ElementTree.Element) -> None:
    """Write a text that comes again once; each place of it is a reference."""
    texts: dict[str, list[ElementTree.Element]] = {}
    for group in root.iter(f"{_SVG}g"):
        letters = len(group) > 1 and all(c.tag == f"{_SVG}use" for c in group)
        if letters and "scale(" in group.get("transform", ""):
            texts.setdefault("".join(map(_written, group)), []).append(group)
    names = _names("_")
    for groups in texts.values():
        if len(groups) > 1:
            name = next(names)
            shared = ElementTree.SubElement(root.find(f"{_SVG}defs"), f"{_SVG}g", {"id": name})
            shared.extend(list(groups[0]))
            for group in groups:
                group[:] = []
                group.tag = f"{_SVG}use"
                group.set(_LINK, f"#{name}")


def _classify(root: ElementTree.Element) -> None:
    """Put each style into the style sheet, once; on a dark page its colours have their twins."""
    styles = Counter(e.get("style", "") for e in root.iter() if e.get("style"))
    names = dict(zip((style for style, _ in styles.most_common()), _names(), strict=False))
    for element in root.iter():
        if style := element.attrib.pop("style", ""):
            element.set("class", names[style])
    sheet = root.find(f"{_SVG}style")
    if sheet is None:
        sheet = ElementTree.Element(f"{_SVG}style")
        root.insert(0, sheet)
    dark = sheet.text or ""
    twins = dict(((kind, light), twin) for kind, light, twin in _TWIN.findall(dark))
    used = {}
    for style, name in names.items():
        for kind, light in _COLOUR.findall(style):
            used.setdefault((kind, light), []).append(f".{name}")
    rules = [
        f"{','.join(used[key])}{{{key[0]}:{twin}}}" for key, twin in twins.items() if key in used
    ]
    # Of two rules for the same class the later one counts.
    sheet.text = "".join(f".{name}{{{style}}}" for style, name in names.items())
    sheet.text += _TWIN.sub("", dark).replace("dark){", "dark){" + "".join(rules))


# --- attributes ----------------------------------------------------------------------------------


def _shorten(element: ElementTree.Element) -> None:
    """Round and shorten the attributes of an element."""
    element.tail = None
    if element.tag == f"{_SVG}style":
        element.text = re.sub(r"(?<=[:;]) | (?=\{)", "", element.text or "")
    elif element.text is not None and not element.text.strip():
        element.text = None
    style = _style(element)
    if style.get("stroke-dashoffset") == "0":
        del style["stroke-dashoffset"]
    parts = (f"{key}:{_rounded(value, 3)}" for key, value in style.items())
    element.attrib.pop("style", None)
    if style:
        element.set("style", ";".join(parts))
    d, transform = element.get("d"), element.get("transform", "")
    if d is not None and transform == "scale(0.015625)":
        # A letter, in units of which 64 are a hundredth of its size.
        element.set("d", path(d, GLYPH / 64))
        element.set("transform", f"scale({_plain(1 / GLYPH)})")
    elif d is not None:
        element.set("d", path(d, 1 / UNIT, 2))
    elif element.tag == f"{_SVG}use" and (shift := _SHIFT.fullmatch(transform)):
        del element.attrib["transform"]
        for key, value in zip("xy", shift.groups(), strict=True):
            if float(value):
                element.set(key, _rounded(value, 1))
    elif transform:
        element.set("transform", _rounded(transform, 4 if "matrix" in transform else 3))
    for key in ("x", "y", "width", "height"):
        if key in element.attrib and element.tag != f"{_SVG}svg":
            element.set(key, _rounded(element.get(key, ""), 2))


def _rounded(text: str, decimals: int) -> str:
    return _NUMBER.sub(lambda found: _plain(round(float(found[0]), decimals)), text)


def _plain(value: float) -> str:
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0\.", r"\1.", text) if text != "-0" else "0"


# --- paths ---------------------------------------------------------------------------------------


def path(d: str, scale: float, decimals: int = 0) -> str:
    """Write a path with relative coordinates in whole units, each rounded where it is.

    Args:
        d: of commands M, L, Q, C and z, absolute.
        scale: units in one of what the path is in.
        decimals: that the units are written with; 2 for hundredths.

    Example:
        >>> path("M1 1L2 1L2.5 1.255L2.5 3zM4 4Q5 5 6 4", 100, 2)
        'M1 1h1l.5 .25v1.75zM4 4q1 1 2 0'
    """
    out, last = [], ""
    x = y = startx = starty = 0
    tokens = iter(_TOKEN.findall(d))
    command = ""
    for token in tokens:
        if token in "MLQCZz":
            command = token
            if token in "Zz":
                out.append("z")
                x, y, last = startx, starty, "z"
                continue
            token = next(tokens)
        count = {"M": 2, "L": 2, "Q": 4, "C": 6}[command]
        numbers = [token, *itertools.islice(tokens, count - 1)]
        at = [round(float(number) * scale) for number in numbers]
        if command == "M":
            out.append("M" + _joined([_digits(v, decimals) for v in at]))
            startx, starty = at
            last, command = "M", "L"
        else:
            steps = [v - (y if i % 2 else x) for i, v in enumerate(at)]
            letter, steps = _segment(command, steps, last)
            if letter:
                text = _joined([_digits(v, decimals) for v in steps])
                gap = letter if letter != last else "" if text[0] in "-" else " "
                out.append(gap + text)
                last = letter
        x, y = at[-2:]
    return "".join(out)


def _segment(command: str, steps: list[int], last: str) -> tuple[str, list[int]]:
    """Choose how a segment is written; one of a line that goes nowhere is not."""
    if command != "L":
        return command.lower(), steps
    if steps == [0, 0]:
        return ("", steps) if last in "lhv" else ("l", steps)
    if steps[1] == 0:
        return "h", steps[:1]
    if steps[0] == 0:
        return "v", steps[1:]
    return "l", steps


@functools.lru_cache(maxsize=100_000)
def _digits(value: int, decimals: int) -> str:
    if not decimals:
        return str(value)
    whole, part = divmod(abs(value), 10**decimals)
    text = (str(whole) if whole else "") + (f".{part:0{decimals}d}".rstrip("0") if part else "")
    return ("-" if value < 0 else "") + (text or "0")


def _joined(numbers: list[str]) -> str:
    return "".join(n if not i or n[0] == "-" else f" {n}" for i, n in enumerate(numbers))


# --- text ----------------------------------------------------------------------------------------


def _written(element: ElementTree.Element) -> str:
    """Write an element without a space too many."""
    attributes = {
        key.replace(_LINK, "xlink:href"): value for key, value in element.attrib.items() if value
    }
    name = element.tag.removeprefix(_SVG)
    if name == "svg":
        space = {"xmlns": _SVG[1:-1]}
        if any(_LINK in e.attrib for e in element.iter()):
            space["xmlns:xlink"] = _LINK[1:].partition("}")[0]
        attributes = space | attributes
    said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    inner = escape(element.text or "", {}) + "".join(map(_written, element))
    return f"<{name}{said}>{inner}</{name}>" if inner else f"<{name}{said}/>"
