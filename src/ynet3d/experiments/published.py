"""The figures of the paper's Table 1: mean and standard deviation per network, class and metric.

They are copied as printed; the standard deviation of the 3D U-Net's zeros is not given. What they
were averaged over (which cases, what a case without tumour counts) the paper does not say.
"""

from __future__ import annotations

MeanAndSd = tuple[float, float | None]

#: By run of the suite `paper`, then class, then metric.
TABLE_1: dict[str, dict[str, dict[str, MeanAndSd]]] = {
    "vnet": {
        "liver": {
            "sensitivity": (0.920, 0.071),
            "specificity": (0.995, 0.001),
            "precision": (0.855, 0.046),
            "dice": (0.884, 0.035),
        },
        "tumour": {
            "sensitivity": (0.200, 0.304),
            "specificity": (0.999, 0.001),
            "precision": (0.370, 0.354),
            "dice": (0.207, 0.259),
        },
    },
    "unet3d": {
        "liver": {
            "sensitivity": (0.699, 0.266),
            "specificity": (0.997, 0.003),
            "precision": (0.893, 0.039),
            "dice": (0.749, 0.194),
        },
        "tumour": {
            "sensitivity": (0.0, None),
            "specificity": (0.0, None),
            "precision": (0.0, None),
            "dice": (0.0, None),
        },
    },
    "3dynet-ee": {
        "liver": {
            "sensitivity": (0.921, 0.093),
            "specificity": (0.995, 0.002),
            "precision": (0.848, 0.056),
            "dice": (0.878, 0.043),
        },
        "tumour": {
            "sensitivity": (0.262, 0.297),
            "specificity": (0.999, 0.001),
            "precision": (0.394, 0.356),
            "dice": (0.240, 0.193),
        },
    },
    "3dynet": {
        "liver": {
            "sensitivity": (0.933, 0.075),
            "specificity": (0.996, 0.001),
            "precision": (0.856, 0.052),
            "dice": (0.889, 0.037),
        },
        "tumour": {
            "sensitivity": (0.276, 0.309),
            "specificity": (0.999, 0.009),
            "precision": (0.483, 0.383),
            "dice": (0.289, 0.283),
        },
    },
}
TABLE_1_SOURCE = "d'Albenzio, Kamkova et al., Table 1 (LiTS, 15 test scans)"
METRICS = ("sensitivity", "specificity", "precision", "dice")
