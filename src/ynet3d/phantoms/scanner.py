"""The scan: sampling on the full grid, slice thickness, noise, the table, the field of view."""

from __future__ import annotations

import numpy as np
import scipy.fft

from ynet3d.phantoms.fields import FloatArray


def paint_table(hu: FloatArray, y: FloatArray, x: FloatArray, top_mm: float) -> None:
    """A curved couch under the patient: thin shell, light filling; only where there is air."""
    curve = top_mm - 0.0007 * x**2
    upper = y[:, None] - curve[None, :]
    lower = y[:, None] - (top_mm + 34 - 0.0019 * x**2)[None, :]
    edge = max(1.5, float(y[1] - y[0]))
    inside = np.minimum(np.clip(upper / edge + 0.5, 0, 1), np.clip(0.5 - lower / edge, 0, 1))
    shell = np.minimum(np.abs(upper), np.abs(lower)) - 1.2
    shell = np.clip(0.5 - shell / edge, 0, 1) * (inside > 0)
    table = -1000 + 50 * inside + 880 * shell
    np.maximum(hu, np.where(inside > 0, table, -1000)[None].astype(np.float32), out=hu)


def add_noise(
    hu: FloatArray,
    rng: np.random.Generator,
    *,
    sd_hu: float,
    spacing_mm: tuple[float, float, float],
    attenuation: FloatArray,
) -> None:
    """Add noise with the spectrum of a filtered back projection: a ramp, cut off by the kernel.

    `attenuation`, shape (rows, columns), is the local strength (1 in the middle of the patient).
    """
    _, rows, columns = hu.shape
    fy = scipy.fft.fftfreq(rows, spacing_mm[1])[:, None]
    fx = scipy.fft.rfftfreq(columns, spacing_mm[2])[None, :]
    frequency = np.hypot(fy, fx)
    cut = rng.uniform(0.26, 0.38)  # cycles per mm: between a smooth and a standard kernel
    power = (frequency + 0.03) * np.exp(-((frequency / cut) ** 2))
    power[0, 0] = 0
    shape = np.sqrt(power)
    # Parseval, for the half spectrum that irfft2 expects.
    weight = np.full_like(shape, 2.0)
    weight[:, 0] = 1
    shape = shape / np.sqrt((weight * power).sum()) * rows * columns / np.sqrt(2)
    shape = (shape * sd_hu).astype(np.float32)
    previous: FloatArray | None = None
    mix = np.float32(np.clip(0.55 - 0.12 * spacing_mm[0], 0, 0.45))
    for plane in hu:
        white = rng.standard_normal((2, *shape.shape), dtype=np.float32)
        fresh = scipy.fft.irfft2((white[0] + 1j * white[1]) * shape, s=(rows, columns))
        noise = fresh if previous is None else fresh * np.sqrt(1 - mix**2) + previous * mix
        previous = noise
        plane += noise * attenuation
