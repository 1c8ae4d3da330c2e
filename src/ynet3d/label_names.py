"""Which class a name stands for, as people and coded terms call what they drew."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ynet3d.labels import Label

_TUMOUR = re.compile(
    r"tumou?r|lesion|neoplas|metasta|carcinoma|cancer|malignan|\bmass(es)?\b|\bhcc\b|\bcrlm\b"
)
#: Nothing but the whole organ: a cyst, a lobe or a vessel of the liver is not the liver.
_LIVER = re.compile(
    r"((whole|entire|total|ct) )*liver( (structure|organ|parenchyma|mask|seg|segmentation|\d+))*"
)
_LIVER_WITHOUT_TUMOUR = re.compile(
    r"(healthy|normal|non ?(tumou?r|lesion)(al|ous)?|tumou?r free) liver( parenchyma)?"
    r"|liver( parenchyma)? (without|excluding|minus) (the )?(tumou?r|lesion|metasta|mass)\w*"
)
#: Other organs, which have tumours of their own.
_ORGAN = re.compile(
    r"spleen|splen|kidney|renal|pancrea|stomach|gastr|gall ?bladder|\bbil|esophag|duoden|bowel"
    r"|colon|intestin|rectum|rectal|bladder|prostate|\buter|\bovar|lung|brain|thyroid|breast|skin"
)
#: What else is drawn in the abdomen.
_STRUCTURE = re.compile(
    r"\bvein|\bvena\b|venous|postcava|arter|aort|vessel|vascul|\bportal\b|^hepatic$|\bduct|remnant"
    r"|trachea|heart|cardi|\brib|vertebra|spine|spinal|bone|sacrum|femur|\bhip|humerus|scapula"
    r"|clavic|stern|skull|muscle|psoas|autochthon|glute|lymph|background"
)
_OF_THE_LIVER = re.compile(r"liver|hepat|\bhcc\b|\bcrlm\b")


def label_of_name(name: str) -> Label | None:
    """The class that `name` stands for; None if that is not clear.

    Liver is the whole organ only; a tumour is any lesion that is not said to be of another organ;
    other organs, vessels and bones are background.
    """
    words = _words(name)
    if _LIVER.fullmatch(words) or _LIVER_WITHOUT_TUMOUR.fullmatch(words):
        return Label.LIVER
    elsewhere = is_elsewhere(name)
    if _TUMOUR.search(words):
        return None if elsewhere else Label.TUMOUR
    return Label.BACKGROUND if elsewhere else None


def labels_of_names(names: Sequence[str]) -> list[Label | None]:
    """The class of each of the names of one coding, as `label_of_name`.

    Where other organs are named too, a tumour that is not said to be of the liver is not clear.
    """
    organs = any(_ORGAN.search(_words(name)) for name in names)
    labels = [label_of_name(name) for name in names]
    return [
        None
        if label is Label.TUMOUR and organs and not _OF_THE_LIVER.search(_words(name))
        else label
        for name, label in zip(names, labels, strict=True)
    ]


def is_elsewhere(name: str) -> bool:
    """Whether `name` speaks of another organ, a vessel or a bone."""
    words = _words(name)
    return _ORGAN.search(words) is not None or _STRUCTURE.search(words) is not None


def _words(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().casefold()
