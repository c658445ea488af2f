"""Pictures drawn for tests."""

import io

from PIL import Image, ImageDraw


def shirt(width: int = 224, height: int = 336, colour: str = "firebrick", striped: bool = False) -> Image.Image:
    """A shirt on white, with a pocket."""
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * width, y * height) for x, y in points]

    body = at((0.3, 0.2), (0.7, 0.2), (0.95, 0.45), (0.82, 0.52), (0.7, 0.42), (0.7, 0.85), (0.3, 0.85), (0.3, 0.42))
    pen.polygon([*body, *at((0.18, 0.52), (0.05, 0.45))], fill=colour)
    pen.ellipse(at((0.42, 0.16), (0.58, 0.25)), fill="white")
    pen.rectangle(at((0.54, 0.32), (0.64, 0.4)), fill="black")
    if striped:
        for step in range(6):
            pen.rectangle(at((0.3, 0.45 + step * 0.06), (0.7, 0.47 + step * 0.06)), fill="navy")
    return image


def mug(width: int = 224, height: int = 336) -> Image.Image:
    """A mug on white, its handle above its middle."""
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((width * 0.25, height * 0.3, width * 0.65, height * 0.77), fill="teal")
    pen.ellipse((width * 0.6, height * 0.4, width * 0.85, height * 0.6), outline="teal", width=8)
    return image


def saved(image: Image.Image, kind: str, **options) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
