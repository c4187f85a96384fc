"""A picture of a page as a PNG of at most 256 colours, which is a third of the size.

Chromium takes the picture apart, since it can, and here it is put together again.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

from tests.support.chromium import Chromium

# The 256 colours that most points have stay as they are; any other becomes the nearest of them.
_TAKE_APART = """
(async (picture) => {
  const file = await fetch("data:image/png;base64," + picture);
  const bitmap = await createImageBitmap(await file.blob());
  const { width, height } = bitmap, canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const points = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const point of points) counts.set(point, (counts.get(point) || 0) + 1);
  const colors = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const parts = (color) => [color & 255, color >> 8 & 255, color >> 16 & 255];
  const kept = colors.slice(0, 256).map(parts), index = new Map();
  for (const color of colors) {
    const [r, g, b] = parts(color);
    let best = 0, least = Infinity;
    for (let i = 0; i < kept.length && least; i++) {
      const off = (kept[i][0] - r) ** 2 + (kept[i][1] - g) ** 2 + (kept[i][2] - b) ** 2;
      if (off < least) { least = off; best = i; }
    }
    index.set(color, best);
  }
  let text = "";
  const indices = Uint8Array.from(points, (point) => index.get(point));
  for (let at = 0; at < indices.length; at += 32768) {
    text += String.fromCharCode(...indices.subarray(at, at + 32768));
  }
  return { width, height, colors: kept.flat(), points: btoa(text) };
})(%s)
"""


def save_small(chromium: Chromium, path: Path) -> None:
    """Replace the picture in this file by its smaller likeness."""
    picture = base64.b64encode(path.read_bytes()).decode()
    told = chromium.open("data:text/html,").evaluate(_TAKE_APART % json.dumps(picture))
    width, height = told["width"], told["height"]
    points = base64.b64decode(told["points"])
    rows = b"".join(b"\0" + points[at : at + width] for at in range(0, len(points), width))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", bytes(told["colors"]))
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    framed = kind + content
    return struct.pack(">I", len(content)) + framed + struct.pack(">I", zlib.crc32(framed))
