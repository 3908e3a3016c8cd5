"""Pictures that people upload are decoded within limits and encoded anew: nothing of the file itself is kept or served."""

from __future__ import annotations

import io
import math
import re
import struct
import threading
import warnings
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.utils.translation import gettext as _
from PIL import Image, ImageCms, UnidentifiedImageError

from designs.exceptions import DesignsError
from designs.models import PictureKind

MAX_BYTES: Final = 10 * 1024 * 1024
# Of what is decoded; four bytes each. Those of an animation together.
MAX_PIXELS: Final = 40_000_000
# A mail is 600 pixels wide; twice that for fine screens, and some more for what is cut later.
MAX_WIDTH: Final = 1600
MAX_HEIGHT: Final = 6000
MAX_FRAMES: Final = 100
MAX_ANIMATION: Final = 2 * 1024 * 1024
# Programs write some ten. Each goes over the whole picture, and may be a few bytes long.
MAX_SCANS: Final = 100
# Of a frame of a GIF, in milliseconds, and how often it is shown.
LONGEST_FRAME: Final = 655_350
MOST_LOOPS: Final = 65_535
# Below this a PNG stays one; above it photographs that were saved as PNG become JPEG.
LIGHT: Final = 300 * 1024
QUALITY: Final = 85
FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP")
EXIF_ORIENTATION: Final = 0x0112
# By what its EXIF says: how a picture is turned upright.
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS: Final = (5, 6, 7, 8)
# What the decoders of a damaged file raise.
DAMAGE: Final = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ArithmeticError),
    struct.error,
)
# A marker of a JPEG that a length follows, or its end; what stands in a scan is none (ISO/IEC 10918-1, B.1.1.3).
_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_SCAN, _END = 0xDA, 0xD9
# Decoded pictures are large; each process has one at a time.
_turn = threading.Lock()


class PictureRefused(DesignsError):
    """A file that cannot be used as a picture."""


class PictureUnavailable(PictureRefused):
    """Where pictures are kept cannot be asked, or refuses: no fault of the picture."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it is stored; sizes in pixels."""

    data: bytes
    kind: PictureKind
    width: int
    height: int


def encode(file: BinaryIO) -> Encoded:
    """Return an uploaded picture encoded anew: upright, in sRGB, no wider than a mail needs, without what else the file held.

    Raises PictureRefused with a sentence.
    """
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PictureRefused(_("画像が大きすぎます。%d MBまでにしてください。") % (MAX_BYTES // 2**20))
    if not data:
        raise PictureRefused(_("ファイルの中身がありません。"))
    if data.startswith(b"\xff\xd8") and count_scans(data) > MAX_SCANS:
        raise PictureRefused(
            _("JPEGのスキャンの数が多すぎます(%d個まで)。画像ソフトで保存し直した画像を選んでください。") % MAX_SCANS
        )
    with _turn, warnings.catch_warnings():
        # What is odd in a file that can be read all the same.
        warnings.simplefilter("ignore", UserWarning)
        # What Pillow warns of is far above our own limit.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return encode_image(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise too_many_pixels() from error
        except UnidentifiedImageError as error:
            raise PictureRefused(_("JPEG、PNG、GIF、WebPのどれかの画像を選んでください。")) from error
        except DAMAGE as error:
            raise PictureRefused(_("画像が壊れています。保存し直した画像を選んでください。")) from error


def count_scans(data: bytes) -> int:
    """Return how many scans a JPEG has up to its end. Thumbnails, and what cameras write behind the end, count not."""
    scans = at = 0
    while (match := _MARKER.search(data, at)) and data[match.start(1)] != _END:
        scans += data[match.start(1)] == _SCAN
        at = match.end() + max(int.from_bytes(data[match.end() : match.end() + 2]), 2)
    return scans


def encode_image(image: Image.Image) -> Encoded:
    """Return an opened picture encoded anew. Raises PictureRefused, and whatever its decoder does."""
    require_pixels(image, 1)
    # The second picture in the file of a phone (MPO) is no animation.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return encode_animation(image)
    orientation = orientation_of(image)
    width, height = reversed(image.size) if orientation in SIDEWAYS else image.size
    scale = scale_of(width, height)
    # A JPEG is decoded smaller already where it is much too large.
    image.draft(image.mode, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
    upright = to_srgb(image.transpose(TURNS[orientation]) if orientation in TURNS else image.copy())
    upright.thumbnail((MAX_WIDTH, MAX_HEIGHT), Image.Resampling.LANCZOS)
    if upright.mode == "RGBA":
        return encoded(write_png(upright), PictureKind.PNG, upright)
    if image.format not in ("PNG", "GIF"):
        return encoded(write_jpeg(upright), PictureKind.JPEG, upright)
    drawn = write_png(upright)
    if len(drawn) > LIGHT and len(photo := write_jpeg(upright)) < len(drawn) / 2:
        return encoded(photo, PictureKind.JPEG, upright)
    return encoded(drawn, PictureKind.PNG, upright)


def orientation_of(image: Image.Image) -> object:
    """Return what the EXIF of a picture says of how it was held; nothing where it cannot be read."""
    try:
        return image.getexif().get(EXIF_ORIENTATION)
    except DAMAGE:
        return None


def require_pixels(image: Image.Image, frames: int) -> None:
    """Raise PictureRefused for more pixels than may be decoded."""
    if image.width * image.height * frames > MAX_PIXELS:
        raise too_many_pixels()


def too_many_pixels() -> PictureRefused:
    """Return the error of a picture that is too large to be decoded."""
    return PictureRefused(_("画像の縦横が大きすぎます。幅%d px くらいに縮めてください。") % MAX_WIDTH)


def scale_of(width: int, height: int) -> float:
    """Return by how much a picture is made smaller, at most 1."""
    return min(1, MAX_WIDTH / width, MAX_HEIGHT / height)


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture as RGB or, where something of it can be looked through, RGBA; nothing beside the pixels is kept."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # 16 bits a pixel.
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if profile and image.mode in ("RGB", "CMYK"):
        image = apply_profile(image, profile)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        # One that is opaque throughout needs no PNG.
        is_clear = image.getchannel("A").getextrema() != (255, 255)
        image = image if is_clear else image.convert("RGB")
    else:
        image = image.convert("RGB")
    # Comments and profiles would be written into the new file.
    image.info = {}
    return image


def apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture with the colours that its profile means; mail programs know no profiles."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:
        return image
    return found or image


def encode_animation(image: Image.Image) -> Encoded:
    """Return an animation as a GIF. Raises PictureRefused for one that is too long or too heavy for a mail."""
    frames: list[Image.Image] = []
    times: list[int] = []
    while True:
        try:
            image.seek(len(frames))
        except EOFError:
            break
        if len(frames) == MAX_FRAMES:
            raise PictureRefused(_("アニメーションが長すぎます。%dコマまでにしてください。") % MAX_FRAMES)
        require_pixels(image, len(frames) + 1)
        times.append(min(int(image.info.get("duration") or 100), LONGEST_FRAME))
        frame = to_srgb(image.copy())
        frame.thumbnail((MAX_WIDTH, MAX_HEIGHT), Image.Resampling.LANCZOS)
        frames.append(frame)
    # Without a number it is shown once.
    loop = {"loop": min(image.info["loop"], MOST_LOOPS)} if "loop" in image.info else {}
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:], duration=times, disposal=2, **loop)
    if written.tell() > MAX_ANIMATION:
        megabytes = MAX_ANIMATION // 2**20
        raise PictureRefused(_("アニメーションが重すぎます。%d MBまでに減らすか、静止画にしてください。") % megabytes)
    return encoded(written.getvalue(), PictureKind.GIF, frames[0])


def encoded(data: bytes, kind: PictureKind, image: Image.Image) -> Encoded:
    """Return the bytes of a picture with its size."""
    return Encoded(data, kind, image.width, image.height)


def write_jpeg(image: Image.Image) -> bytes:
    """Return a picture as a JPEG."""
    written = io.BytesIO()
    image.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return written.getvalue()


def write_png(image: Image.Image) -> bytes:
    """Return a picture as a PNG."""
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()
