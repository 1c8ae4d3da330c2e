"""Filling the HTML templates: one place for escaping, and for how values read."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup, escape

from ynet3d.labels import COLOURS, RESEARCH_USE, Label
from ynet3d.reporting import style
from ynet3d.reporting.table_layout import lay_out

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **content: Any) -> str:
    """The HTML of a file in `templates/`; all text is escaped."""
    return _environment().get_template(template).render(**content)


def source(file: str) -> str:
    """The text of a file in `templates/`, as it is."""
    return files("ynet3d.reporting").joinpath("templates", file).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ynet3d.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        dice=_dice,
        volume=_volume,
        duration=duration,
        href=_href,
        setting=_setting,
        prose=_prose,
        mm="{:.2f}".format,
        lay_out=lay_out,
    )
    environment.globals.update(
        script=_script,
        policy=_policy,
        notice=RESEARCH_USE,
        liver=COLOURS[Label.LIVER],
        tumour=COLOURS[Label.TUMOUR],
    )
    return environment


def _script(file: str) -> Markup:
    """A script of `templates/`, in the page; it must not hold what would end it."""
    return Markup(f"<script>{source(file)}</script>")


def _policy(file: str) -> str:
    """A content security policy: pictures beside the page, our styles, and this one script.

    The script is known by its hash, so that none that came in with a text would run.
    """
    digest = base64.b64encode(hashlib.sha256(source(file).encode()).digest()).decode()
    return (
        "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def duration(seconds: float) -> str:
    """A duration for people: "8.4 s", "7 min 05 s", "1 h 24 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def _dice(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _volume(value: float | None) -> str:
    return "–" if value is None else style.millilitres(value).removesuffix(" mL")


def _href(path: str) -> str:
    """A relative path as a link; names may hold spaces, "#" or "?"."""
    return quote(path.replace("\\", "/"))


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(item) for item in value)
    return "–" if value is None else str(value)


def _prose(text: str) -> Markup:
    """Escaped text, in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
