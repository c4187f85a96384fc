"""The status page for people: one document that needs nothing from elsewhere, and its policy.

Markup, looks and script are files of their own for their readers; they are put into one document
here, so that it is whole in whatever is served, and its policy can name exactly its own script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

_SCRIPTS = ("parts.js", "chart.js", "page.js")


def status_page() -> str:
    """Return the page."""
    page = _read("page.html")
    page = _put("style", _read("page.css"), page)
    return _put("script", "".join(_read(name) for name in _SCRIPTS), page)


def content_policy(page: str) -> str:
    """Return the policy under which only the page's own script and style run.

    No text can become markup under it, either: the script makes elements and sets their text.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes('script', page)}",
            f"style-src {_hashes('style', page)}",
            "connect-src 'self'",
            "img-src data:",  # The icon of the tab.
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _read(name: str) -> str:
    return resources.files("daemon.page").joinpath(name).read_text(encoding="utf-8")


def _put(tag: str, text: str, page: str) -> str:
    empty = f"<{tag}></{tag}>"
    assert page.count(empty) == 1, tag
    assert f"</{tag}" not in text, tag
    return page.replace(empty, f"<{tag}>\n{text}</{tag}>")


def _hashes(tag: str, page: str) -> str:
    blocks = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    assert blocks, tag
    digests = (base64.b64encode(hashlib.sha256(block.encode()).digest()) for block in blocks)
    return " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
