"""How colours look to people who see less of them, and how far apart two colours are.

Dichromatic vision: Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
deficiency", IEEE Transactions on Visualization and Computer Graphics 15 (6), 2009, 1291-1298,
doi:10.1109/TVCG.2009.113, its precomputed matrices of severity 1, which act on linear RGB (that of tritanopia is an
approximation, as the paper says). Difference: CIE 1976, the distance in L*a*b* under D65; 2.3 is just noticeable.
Contrast: WCAG 2.1.
"""

import numpy as np

FULL = np.eye(3)
SIGHTS = {
    "full": FULL,
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(axis=1)


def linear(colour):
    """Return a colour, as ``#rrggbb``, as linear red, green and blue."""
    code = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def lab(light):
    """Return linear red, green and blue as L*, a* and b*."""
    ratio = XYZ @ np.clip(light, 0.0, 1.0) / WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (ratio * 24389 / 27 + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(first, second, sight="full"):
    """Return how far apart two colours are to somebody's eyes."""
    return float(np.linalg.norm(lab(SIGHTS[sight] @ linear(first)) - lab(SIGHTS[sight] @ linear(second))))


def grey_difference(first, second):
    """Return how far apart two colours are in a copy without colours: in L*."""
    return float(abs(lab(linear(first))[0] - lab(linear(second))[0]))


def contrast(first, second):
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted(float(XYZ[1] @ linear(each)) for each in (first, second))
    return (high + 0.05) / (low + 0.05)
