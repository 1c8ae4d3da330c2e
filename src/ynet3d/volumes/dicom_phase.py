"""Which contrast phase a CT series shows, guessed from what its headers say."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Phase(StrEnum):
    """Contrast phases of the liver; UNKNOWN where nothing, or more than one, is said."""

    NATIVE = "native"
    ARTERIAL = "arterial"
    PORTAL_VENOUS = "portal venous"
    DELAYED = "delayed"
    UNKNOWN = ""


#: Seconds after the start of the injection at which each phase ends. The rounds of liver protocols
#: lie well inside: late arterial 35 to 45 s, portal venous 60 to 80 s, delayed 2 to 5 minutes.
_PHASE_ENDS_S = ((50.0, Phase.ARTERIAL), (110.0, Phase.PORTAL_VENOUS), (900.0, Phase.DELAYED))
#: Scans sooner than this after the injection are bolus tracking.
_EARLIEST_S = 15.0
#: Longer before the injection than this, and the two clocks do not agree.
_LONGEST_BEFORE_S = 3600.0

# Words as scanners and hospitals write them, after `_plain`. English, German, French, Italian,
# Spanish and Portuguese.
_WITH_AND_WITHOUT = re.compile(r"\bw(ith)? (and |or )?(w ?o|without)\b")
_WORDS = {
    Phase.NATIVE: re.compile(
        r"\b(nati(v|ve|va|vo|f)|non ?(contrast|enhanced)|no (contrast|iv)|without( iv)? contrast"
        r"|unenhanced|pre ?(contrast|injection)|plain|wo|w o|nc|ncct|sans (injection|contraste|iv)"
        r"|ohne (km|kontrast\w*)|si[nm] contraste|sem contraste|senza (mdc|contrasto))\b"
    ),
    Phase.ARTERIAL: re.compile(r"\b(art|hap|cta|angio\w*)\b|arteri[aeo]|arteriell|\binflow\b"),
    Phase.PORTAL_VENOUS: re.compile(
        r"portal|porto ?ven|\b(pv|pvp|ven)\b|venous|venoes|\bvenos|veineux"
    ),
}
_LATE = re.compile(r"delay|\blate\b|equilib|excret|\btardi|\bspat|washout|uro(gram|graph)")
_SECONDS = re.compile(r"(?<![\w.,])([1-9]\d{1,2}) ?(s|sec|secs|sek|seconds)\b")
_MINUTES = re.compile(r"(?<![\w.,])([1-9]|1[0-5]) ?(m|min|mins|minutes)\b")


def guess_phase(
    description: str, *, contrast_phase: str = "", protocol: str = "", delay_s: float | None = None
) -> Phase:
    """The phase by the first of these that tells it.

    Args:
        description: SeriesDescription, words and times ("70s").
        contrast_phase: Contrast/Bolus Agent Phase (0018,9344), as PRE_CONTRAST.
        protocol: ProtocolName; one that names several phases tells nothing.
        delay_s: from ContrastBolusStartTime to AcquisitionTime, in seconds.
    """
    for text in (description, contrast_phase, protocol):
        phase = _phase_of_words(_plain(text))
        if phase is not Phase.UNKNOWN:
            return phase
    return Phase.UNKNOWN if delay_s is None else _phase_at(delay_s)


def seconds_between(start: str, end: str) -> float | None:
    """From one DICOM time (TM, or the time of a DT) to another of the same day; None if unclear."""
    times = [_seconds_of_day(start), _seconds_of_day(end)]
    if times[0] is None or times[1] is None:
        return None
    return times[1] - times[0]


def _phase_of_words(text: str) -> Phase:
    if _WITH_AND_WITHOUT.search(text):
        return Phase.UNKNOWN
    found = [phase for phase, words in _WORDS.items() if words.search(text)]
    if "inflow" in text:  # the portal venous inflow phase is the late arterial one
        return Phase.ARTERIAL
    if found:
        return found[0] if len(found) == 1 else Phase.UNKNOWN
    if _LATE.search(text):
        return Phase.DELAYED
    times = {_phase_at(float(match[1])) for match in _SECONDS.finditer(text)}
    times |= {_phase_at(60.0 * float(match[1])) for match in _MINUTES.finditer(text)}
    return times.pop() if len(times) == 1 else Phase.UNKNOWN


def _phase_at(delay_s: float) -> Phase:
    if -_LONGEST_BEFORE_S <= delay_s < 0:
        return Phase.NATIVE
    if delay_s < _EARLIEST_S:
        return Phase.UNKNOWN
    return next((phase for end, phase in _PHASE_ENDS_S if delay_s <= end), Phase.UNKNOWN)


def _plain(text: str) -> str:
    """Small letters without accents, punctuation as blanks ("3.5" keeps its point)."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return re.sub(r"(?<!\d)[.,]|[.,](?!\d)|[^\w.,]|_", " ", text).strip()


def _seconds_of_day(time: str) -> float | None:
    match = re.fullmatch(r"(?:\d{8})?(\d\d):?(\d\d):?(\d\d(?:\.\d+)?)(?:[+-]\d{4})?", time.strip())
    if match is None:
        return None
    return 3600.0 * int(match[1]) + 60.0 * int(match[2]) + float(match[3])
