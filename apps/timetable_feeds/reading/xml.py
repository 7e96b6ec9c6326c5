"""XML without entities, external files and namespaces."""

from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from apps.timetable_feeds.reading.rows import Unreadable, short

DEEPEST: Final = 100


def root_of(data: bytes, *names: str) -> Element:
    """The root element, which has one of these names. Raises `Unreadable`."""
    try:
        root: Element = ElementTree.fromstring(data)
    except DefusedXmlException as error:
        raise Unreadable("xml_entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise Unreadable("no_xml", short(str(error))) from error
    _refuse_depth(root)
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    if root.tag not in names:
        raise Unreadable("other_xml", short(f"{root.tag} ({', '.join(names)})"))
    return root


def _refuse_depth(root: Element) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise Unreadable("no_xml", str(DEEPEST))
        level = [child for element in level for child in element]


def said(element: Element, path: str) -> str:
    """The text of the first such child; "" where there is none."""
    return short(element.findtext(path) or "")


def all_said(element: Element, path: str) -> tuple[str, ...]:
    found = (short(child.text or "") for child in element.findall(path))
    return tuple(text for text in found if text)


def attribute(element: Element, *names: str) -> str:
    """The first of these attributes that says something."""
    return next((text for name in names if (text := short(element.get(name) or ""))), "")
