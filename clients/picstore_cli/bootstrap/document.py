"""The document: one team with its people, projects, locations and profiles.

Objects name each other by short name or e-mail address. What a document does not name stays as it
is, so several files can be given, or applied one after the other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator


class Part(BaseModel):
    """Anything in a document; a misspelt key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


class Team(Part):
    """The tenant."""

    short_name: str
    """Unique in the installation."""
    display_name: str = ""
    """For people."""


class Grant(Part):
    """One permission, on one project or on all; `image:read` alone is short for the latter."""

    permission: str
    """Such as `image:create`."""
    project: str = ""
    """The project's short name; empty for the team and all of its projects."""


def _grant_of(value: object) -> object:
    return {"permission": value} if isinstance(value, str) else value


Grants = tuple[Annotated[Grant, BeforeValidator(_grant_of)], ...]


class Role(Part):
    """A named set of grants."""

    short_name: str
    """Unique in the team."""
    display_name: str = ""
    """For people."""
    grants: Grants = ()
    """All of its grants."""


class User(Part):
    """Somebody, or something, that calls."""

    email: str
    """Unique in the team."""
    display_name: str = ""
    """For people."""
    roles: tuple[str, ...] = ()
    """All of the user's roles, by short name."""


class APIKey(Part):
    """A secret by which a program calls in a user's name."""

    credential: SecretStr
    """The whole text, `ps_…`; take it from the environment. `picstore new-key` makes one."""
    user: str
    """The user's e-mail address."""
    display_name: str = ""
    """For people."""
    grants: Grants = ()
    """What it may do; empty to inherit all of its user's grants."""
    default_upload_profile: str = ""
    """The upload profile that uploads take when they name none, as `<project>/<profile>`."""
    expire_time: datetime | None = None
    """When it stops being good."""


class Project(Part):
    """A web site or an application."""

    short_name: str
    """Unique in the team."""
    display_name: str = ""
    """For people."""
    base_path: str = ""
    """The first part of every object key; the short name if empty."""
    max_bytes: int = 0
    """Length of the largest original; 0 for the installation's limit."""
    max_pixels: int = 0
    """Pixels of the largest original; 0 for the installation's limit."""


class S3(Part):
    """A bucket of an S3-compatible store."""

    endpoint: str
    """Such as `https://s3.eu-central-1.amazonaws.com`."""
    bucket: str
    """The bucket's name."""
    region: str = ""
    """Such as `eu-central-1`."""
    prefix: str = ""
    """Put before every object key."""
    access_key_id: str = ""
    """Empty for ambient credentials: environment, web identity, container, instance metadata."""
    secret_access_key: SecretStr = SecretStr("")
    """Take it from the environment."""


class Local(Part):
    """A directory of the machine that all services run on."""

    directory: str
    """Absolute, under a root that the catalog's settings allow."""


class StorageLocation(Part):
    """A place where objects are kept."""

    short_name: str
    """Unique in the team."""
    display_name: str = ""
    """For people."""
    project: str = ""
    """The project that may use it, by short name; empty for all."""
    s3: S3 | None = None
    """A bucket."""
    local: Local | None = None
    """A directory."""
    public_base_url: str = ""
    """What an object key is appended to for its public URL."""
    cache_control: str = ""
    """The Cache-Control header of outputs; empty for a year, immutable."""

    @model_validator(mode="after")
    def _one_provider(self) -> Self:
        if (self.s3 is None) == (self.local is None):
            raise ValueError("name exactly one of s3 and local")
        return self


Format = Literal["jpeg", "png", "webp", "avif"]
SourceFormat = Literal["jpeg", "png", "webp", "avif", "gif", "heic", "tiff", "svg"]


class EncoderOptions(Part):
    """What single encoders can do besides quality and effort."""

    near_lossless: int | None = None
    """WebP: 0 (most is changed) to 99 (least), in place of a quality."""
    colours: int | None = None
    """PNG: a palette of 2, 4, 16 or 256 colours."""
    dithering: float | None = None
    """PNG with a palette: 0 to 1."""
    progressive: bool | None = None
    """JPEG: coarse first; by the effort if absent."""
    optimise_scans: bool | None = None
    """JPEG that is progressive: search for the best scans; by the effort if absent."""
    trellis: bool | None = None
    """JPEG: trellis quantisation with deringing; by the effort if absent."""
    chroma: Literal["subsampled", "full"] | None = None
    """JPEG and AVIF: samples of colour; by the quality, and for AVIF the picture, if absent."""
    bit_depth: int | None = None
    """AVIF: 8 or 10; by the source if absent."""


class AutoQuality(Part):
    """The smallest quality that looks as good as is wanted; `80` alone is short for its target."""

    metric: Literal["ssimulacra2"] = "ssimulacra2"
    """What measures it."""
    target: float
    """What each output is to score, 30 to 95; 7 less for dense displays."""
    min_quality: int | None = None
    """No lower quality is tried, 1 to 99; the format's default if absent."""
    max_quality: int | None = None
    """No higher quality is tried, 1 to 99; the format's default if absent."""


def _auto_quality_of(value: object) -> object:
    return {"target": value} if isinstance(value, int | float) else value


class FormatRule(Part):
    """One format of a profile."""

    format: Format
    """What to write."""
    quality: int | None = None
    """1 to 100; the format's default if absent."""
    lossless: bool = False
    """Keep every pixel value."""
    effort: int | None = None
    """0 (fast) to 9 (small); the format's default if absent."""
    only_from: tuple[SourceFormat, ...] = ()
    """Only for originals of these formats."""
    not_from: tuple[SourceFormat, ...] = ()
    """Not for originals of these formats."""
    options: EncoderOptions | None = None
    """What the encoder is to do besides."""
    auto_quality: Annotated[AutoQuality | None, BeforeValidator(_auto_quality_of)] = None
    """JPEG, WebP and AVIF, in place of a quality: search for that of each output."""


class Density(Part):
    """One pixel density of a size; `2` alone is short for its ratio."""

    ratio: float
    """Device pixels per CSS pixel."""
    quality: int | None = None
    """Overrides the quality of every format."""


def _density_of(value: object) -> object:
    return {"ratio": value} if isinstance(value, int | float) else value


class SizeRule(Part):
    """One size of a profile; without width and height it is the original's."""

    width: int | None = None
    """Of the box, in pixels at 1x."""
    height: int | None = None
    """Of the box, in pixels at 1x."""
    fit: Literal["inside", "cover", "contain", "fill"] = "inside"
    """How to fit the picture to the box."""
    gravity: (
        Literal[
            "centre",
            "north",
            "north_east",
            "east",
            "south_east",
            "south",
            "south_west",
            "west",
            "north_west",
            "attention",
        ]
        | None
    ) = None
    """What stays where something is cut off; the picture's focal point if absent."""
    when: Literal["always", "only_downsize", "only_upsize"] = "always"
    """When to make this size."""
    enlarge: bool = False
    """Enlarge a picture that is smaller."""
    densities: tuple[Annotated[Density, BeforeValidator(_density_of)], ...] = ()
    """Pixel densities, such as `[1, 2]`."""


class ConversionProfile(Part):
    """What to make of a picture."""

    short_name: str
    """Unique in the team."""
    display_name: str = ""
    """For people."""
    project: str = ""
    """The project that may use it, by short name; empty for all."""
    formats: tuple[FormatRule, ...]
    """The formats, best first."""
    sizes: tuple[SizeRule, ...]
    """The sizes."""
    background: str = ""
    """What stands behind transparent parts where a format has none, as `#rrggbb`."""
    metadata: Literal["strip", "keep_copyright", "keep_all"] = "strip"
    """What outputs keep of EXIF, XMP and IPTC."""
    keep_gps: bool = False
    """Keep the place where a picture was taken too; only with `keep_all`."""
    colour: Literal["srgb", "keep_wide"] = "srgb"
    """Which colours outputs can have: `keep_wide` is Display P3 for originals beyond sRGB."""
    skip_if_larger_percent: int | None = None
    """Leave out what is so much larger than the next better format; 0 to 1000."""


class UploadProfile(Part):
    """What an upload needs to know."""

    project: str
    """The project that its pictures belong to, by short name."""
    short_name: str
    """Unique in the project."""
    display_name: str = ""
    """For people."""
    originals_location: str
    """Where originals are kept, by short name."""
    originals_path: str = ""
    """Put into the keys of originals."""
    outputs_location: str
    """Where outputs are kept, by short name."""
    outputs_path: str = ""
    """Put into the keys of outputs."""
    conversion_profile: str
    """What is made of a picture, by short name."""


class Document(Part):
    """Everything that a bootstrap can set up."""

    team: Team
    """The team that all of it belongs to."""
    roles: tuple[Role, ...] = ()
    """Roles to create or update."""
    users: tuple[User, ...] = ()
    """Users to create or update."""
    api_keys: tuple[APIKey, ...] = ()
    """API keys to create or update."""
    projects: tuple[Project, ...] = ()
    """Projects to create or update."""
    storage_locations: tuple[StorageLocation, ...] = ()
    """Storage locations to create or update."""
    conversion_profiles: tuple[ConversionProfile, ...] = Field(default=())
    """Conversion profiles to create or update."""
    upload_profiles: tuple[UploadProfile, ...] = ()
    """Upload profiles to create or update."""
