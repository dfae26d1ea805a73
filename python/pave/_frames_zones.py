"""Timezones by name: which ones can be made again exactly, and how.

Owns: the names under which `datetime`, `zoneinfo` and `pytz` zones are stored.
Must not: take a zone for another that shows the same time today.
"""

from __future__ import annotations

import datetime
import sys
import zoneinfo
from typing import Any

__all__ = ["describe_zone", "restore_zone"]


def describe_zone(zone: Any) -> tuple[str, str] | tuple[None, None]:
    """The name of a zone for Arrow, and where it comes from; `(None, None)` if it isn't exact.

    Examples
    --------
    >>> describe_zone(datetime.timezone.utc)
    ('UTC', 'datetime')
    >>> describe_zone(zoneinfo.ZoneInfo("Europe/Paris"))
    ('Europe/Paris', 'zoneinfo')
    >>> describe_zone(datetime.timezone(datetime.timedelta(hours=-3), "BRT"))
    (None, None)
    """
    if zone is datetime.UTC:
        return "UTC", "datetime"
    if type(zone) is datetime.timezone:
        name = _offset_name(zone.utcoffset(None))
        # A zone with a name of its own would lose it.
        if name is not None and repr(restore_zone(name, "datetime")) == repr(zone):
            return name, "datetime"
    if type(zone) is zoneinfo.ZoneInfo and zone.key and zoneinfo.ZoneInfo(zone.key) is zone:
        return zone.key, "zoneinfo"
    pytz = sys.modules.get("pytz")
    if pytz is not None and isinstance(zone, pytz.BaseTzInfo):
        name = zone.zone
        # A localised zone is another object than the one its name gives.
        if name and pytz.timezone(name) is zone:
            return name, "pytz"
    return None, None


def restore_zone(name: str, source: str) -> Any:
    """The zone that `describe_zone` was given."""
    if source == "zoneinfo":
        return zoneinfo.ZoneInfo(name)
    if source == "pytz":
        import pytz  # type: ignore[import-untyped]

        return pytz.timezone(name)
    if name == "UTC":
        return datetime.UTC
    sign = -1 if name[0] == "-" else 1
    hours, minutes = name[1:].split(":")
    return datetime.timezone(sign * datetime.timedelta(hours=int(hours), minutes=int(minutes)))


def _offset_name(offset: datetime.timedelta) -> str | None:
    minutes, rest = divmod(offset, datetime.timedelta(minutes=1))
    if rest:
        return None
    hours, minutes = divmod(abs(minutes), 60)
    return f"{'-' if offset < datetime.timedelta(0) else '+'}{hours:02}:{minutes:02}"
