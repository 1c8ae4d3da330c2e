"""Names of structures as data sets have them."""

from __future__ import annotations

import pytest

from ynet3d.label_names import label_of_name, labels_of_names
from ynet3d.labels import Label

AMOS = ("background", "spleen", "right kidney", "left kidney", "gall bladder", "esophagus", "liver")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("liver", Label.LIVER),
        ("LIVER", Label.LIVER),
        ("Liver_1", Label.LIVER),
        ("whole-liver", Label.LIVER),
        ("liver parenchyma", Label.LIVER),
        ("cancer", Label.TUMOUR),
        ("tumor", Label.TUMOUR),
        ("liverTumour2", Label.TUMOUR),
        ("lesions", Label.TUMOUR),
        ("HCC", Label.TUMOUR),
        ("portal vein", Label.BACKGROUND),
        ("spleen", Label.BACKGROUND),
        ("pancreas cancer", None),
        ("liver cyst", None),
        ("left lobe of liver", None),
        ("massive", None),
        ("", None),
    ],
)
def test_one_name(name: str, label: Label | None) -> None:
    assert label_of_name(name) is label


def test_names_of_one_coding() -> None:
    assert labels_of_names(["liver", "tumour", "vessels"]) == [
        Label.LIVER,
        Label.TUMOUR,
        Label.BACKGROUND,
    ]
    assert labels_of_names(AMOS)[-1] is Label.LIVER
    assert set(labels_of_names(AMOS)[:-1]) == {Label.BACKGROUND}
    # Whose tumour it is, nobody says.
    assert labels_of_names([*AMOS, "tumor"])[-1] is None
    assert labels_of_names([*AMOS, "liver tumor"])[-1] is Label.TUMOUR
    assert labels_of_names(["kidney", "tumor"]) == [Label.BACKGROUND, None]
