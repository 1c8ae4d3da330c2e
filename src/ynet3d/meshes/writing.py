"""Surfaces as files: STL, PLY (one for each surface), OBJ and GLB (all in one, with materials).

Coordinates are mm in DICOM's patient axes (LPS), and say so where a format has room for it, in the
words that 3D Slicer reads.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ynet3d.files import atomic_path, write_text
from ynet3d.meshes.closed import Surface
from ynet3d.meshes.organs import NamedSurface

SCENE = "liver-and-tumours"
SPACE = "SPACE=LPS"


def write_surfaces(
    surfaces: Sequence[NamedSurface], folder: str | Path, formats: Sequence[str]
) -> list[str]:
    """Write surfaces in each of the `formats` (of `FORMATS`); the names of the files."""
    written = []
    for name in formats:
        written += _WRITERS[name](surfaces, Path(folder))
    return written


def _write_stl_files(surfaces: Sequence[NamedSurface], folder: Path) -> list[str]:
    for one in surfaces:
        with atomic_path(folder / f"{one.name}.stl") as temporary:
            temporary.write_bytes(stl_bytes(one.surface))
    return [f"{one.name}.stl" for one in surfaces]


def stl_bytes(surface: Surface) -> bytes:
    """Binary STL: triangles with their normals, no colours."""
    corners = surface.vertices[surface.faces]
    triangle = [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]
    records = np.zeros(len(corners), dtype=triangle)
    records["normal"] = _unit(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    )
    records["corners"] = corners
    # A header that begins with "solid" would be taken for STL as text.
    header = f"ynet3d. mm, {SPACE}".encode("ascii").ljust(80)
    return header + struct.pack("<I", len(records)) + records.tobytes()


def _write_ply_files(surfaces: Sequence[NamedSurface], folder: Path) -> list[str]:
    for one in surfaces:
        with atomic_path(folder / f"{one.name}.ply") as temporary:
            temporary.write_bytes(ply_bytes(one))
    return [f"{one.name}.ply" for one in surfaces]


def ply_bytes(one: NamedSurface) -> bytes:
    """Binary PLY with a normal and a colour (red, green, blue, alpha) at each vertex."""
    surface = one.surface
    vertices = np.zeros(
        len(surface.vertices), dtype=[("place", "<f4", 3), ("normal", "<f4", 3), ("rgba", "u1", 4)]
    )
    vertices["place"], vertices["normal"] = surface.vertices, vertex_normals(surface)
    vertices["rgba"] = [*_bytes(one.colour), round(255 * one.opacity)]
    faces = np.zeros(len(surface.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, surface.faces
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment ynet3d. mm, {SPACE}",
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        *(f"property uchar {name}" for name in ("red", "green", "blue", "alpha")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(lines).encode("ascii") + vertices.tobytes() + faces.tobytes()


def _write_obj(surfaces: Sequence[NamedSurface], folder: Path) -> list[str]:
    names = [f"{SCENE}.mtl", f"{SCENE}.obj"]
    materials = [
        f"newmtl {one.name}\nKd {_decimals(_parts(one.colour))}\nKs 0.1 0.1 0.1\nNs 20\n"
        f"d {one.opacity:g}\nillum 2\n"
        for one in surfaces
    ]
    write_text(folder / names[0], "\n".join(materials))
    parts, first = [f"# ynet3d. mm, {SPACE}\nmtllib {names[0]}\n"], 1
    for one in surfaces:
        surface = one.surface
        rows = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in surface.vertices.tolist()]
        rows += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertex_normals(surface).tolist()]
        rows += [f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in (surface.faces + first).tolist()]
        parts.append(f"o {one.name}\nusemtl {one.name}\n" + "\n".join(rows) + "\n")
        first += len(surface.vertices)
    write_text(folder / names[1], "".join(parts))
    return names


def _write_glb(surfaces: Sequence[NamedSurface], folder: Path) -> list[str]:
    with atomic_path(folder / f"{SCENE}.glb") as temporary:
        temporary.write_bytes(glb_bytes(surfaces))
    return [f"{SCENE}.glb"]


def glb_bytes(surfaces: Sequence[NamedSurface]) -> bytes:
    """Binary glTF 2.0 (Khronos): one node and one material for each surface.

    Vertices are in LPS mm as in the other formats. The node above them turns and scales them to
    what glTF means by its axes, metres with y up, so that viewers show the patient upright, from
    the front and in true size.
    """
    binary, views, accessors, meshes, materials = bytearray(), [], [], [], []

    def add(array: npt.NDArray[Any], kind: str, component: int, target: int) -> int:
        views.append(
            {"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes, "target": target}
        )
        binary.extend(array.tobytes())
        accessors.append(
            {
                "bufferView": len(views) - 1,
                "componentType": component,
                "count": len(array),
                "type": kind,
            }
        )
        return len(accessors) - 1

    for number, one in enumerate(surfaces):
        vertices = one.surface.vertices.astype("<f4")
        place = add(vertices, "VEC3", _FLOAT, _VERTICES)
        accessors[place] |= {
            "min": vertices.min(axis=0).tolist(),
            "max": vertices.max(axis=0).tolist(),
        }
        normal = add(vertex_normals(one.surface).astype("<f4"), "VEC3", _FLOAT, _VERTICES)
        corners = add(one.surface.faces.reshape(-1).astype("<u4"), "SCALAR", _UNSIGNED, _INDICES)
        primitive = {
            "attributes": {"POSITION": place, "NORMAL": normal},
            "indices": corners,
            "material": number,
        }
        meshes.append({"name": one.name, "primitives": [primitive]})
        materials.append(_glb_material(one))
    count = len(surfaces)
    content = {
        "asset": {"version": "2.0", "generator": "ynet3d"},
        "extras": {"coordinates": "mesh data: mm in DICOM's patient axes (LPS)"},
        "scene": 0,
        "scenes": [{"nodes": [count]}],
        "nodes": [
            *({"name": one.name, "mesh": number} for number, one in enumerate(surfaces)),
            {"name": "patient", "matrix": _LPS_TO_GLTF, "children": list(range(count))},
        ],
        "meshes": meshes,
        "materials": materials,
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(content, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    size = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, size),
            struct.pack("<I4s", len(text), b"JSON") + text,
            struct.pack("<I4s", len(binary), b"BIN\0") + bytes(binary),
        ]
    )


# Numbers of OpenGL that glTF uses.
_FLOAT, _UNSIGNED, _VERTICES, _INDICES = 5126, 5125, 34962, 34963
#: Column by column: left becomes x, head becomes y, front becomes z; mm become metres.
_LPS_TO_GLTF = [
    *(0.001, 0.0, 0.0, 0.0),
    *(0.0, 0.0, -0.001, 0.0),
    *(0.0, 0.001, 0.0, 0.0),
    *(0.0, 0.0, 0.0, 1.0),
]


def _glb_material(one: NamedSurface) -> dict[str, Any]:
    # glTF's factors are linear light, our colours are sRGB.
    srgb = np.array(_parts(one.colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    material: dict[str, Any] = {
        "name": one.name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*(round(part, 5) for part in linear.tolist()), one.opacity],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.6,
        },
    }
    if one.opacity < 1:
        material |= {"alphaMode": "BLEND", "doubleSided": True}
    return material


def vertex_normals(surface: Surface) -> npt.NDArray[np.float32]:
    """(V, 3), unit vectors out of the surface: the mean of the triangles around, by their area."""
    corners = surface.vertices[surface.faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros(surface.vertices.shape)
    for corner in range(3):
        np.add.at(normals, surface.faces[:, corner], across)
    return _unit(normals)


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-20), dtype=np.float32)


def _bytes(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def _parts(colour: str) -> list[float]:
    """Red, green and blue of "#rrggbb", 0 to 1, as they stand (sRGB)."""
    return [part / 255 for part in _bytes(colour)]


def _decimals(parts: Sequence[float]) -> str:
    return " ".join(f"{part:.4f}" for part in parts)


_WRITERS: Final[dict[str, Callable[[Sequence[NamedSurface], Path], list[str]]]] = {
    "stl": _write_stl_files,
    "obj": _write_obj,
    "ply": _write_ply_files,
    "glb": _write_glb,
}
FORMATS: Final = tuple(_WRITERS)
