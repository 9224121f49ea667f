"""A painter of procedural pictures: from a prompt to a scene, to a composition, to a style, to PNG bytes."""

from pixel_generation.adapters.outbound.providers.sketch.painter import STYLES, SketchPainter

__all__ = ["STYLES", "SketchPainter"]
