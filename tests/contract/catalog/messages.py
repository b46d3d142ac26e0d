"""Messages that the catalog accepts, to be made wrong by tests."""

from __future__ import annotations

from picstore.catalog.v1 import (
    bootstrap_pb2,
    conversion_pb2,
    conversion_profile_pb2,
    overlay_pb2,
    overlay_template_pb2,
    project_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore_kit.ids import TeamId

SECRET = "wJalrXUtnFEMI/K7MDENG"


def bucket(**fields: str) -> storage_location_pb2.S3Provider:
    return storage_location_pb2.S3Provider(
        **{
            "endpoint": "https://s3.example.com",
            "region": "eu-central-1",
            "bucket": "pictures",
            "prefix": "pic",
            "access_key_id": "AKIAIOSFODNN7",
            "secret_access_key": SECRET,
            **fields,
        }
    )


def location(
    short_name: str = "store",
    *,
    project: str = "",
    s3: storage_location_pb2.S3Provider | None = None,
) -> storage_location_pb2.StorageLocation:
    return storage_location_pb2.StorageLocation(
        short_name=short_name,
        project_id=project,
        s3=s3 or bucket(),
        public_base_url="https://img.example.com",
    )


def conversion_profile(
    short_name: str = "web", *, project: str = "", widths: tuple[int, ...] = (400, 800)
) -> conversion_profile_pb2.ConversionProfile:
    return conversion_profile_pb2.ConversionProfile(
        short_name=short_name,
        project_id=project,
        formats=[
            conversion_pb2.FormatRule(format=conversion_pb2.FORMAT_AVIF, quality=50),
            conversion_pb2.FormatRule(format=conversion_pb2.FORMAT_JPEG),
        ],
        sizes=[conversion_pb2.SizeRule(width=width) for width in widths],
    )


def overlay() -> overlay_pb2.Overlay:
    """A title on a dark surface."""
    return overlay_pb2.Overlay(
        canvas=overlay_pb2.Canvas(width=1200, height=630),
        layers=[
            overlay_pb2.Layer(fill=overlay_pb2.FillLayer(colour="#00000080")),
            overlay_pb2.Layer(
                text=overlay_pb2.TextLayer(
                    text="{{title}}", font="Inter", size=overlay_pb2.Length(px=64)
                )
            ),
        ],
        variables=[overlay_pb2.Variable(name="title")],
    )


def overlay_template(
    short_name: str = "card", *, project: str = ""
) -> overlay_template_pb2.OverlayTemplate:
    return overlay_template_pb2.OverlayTemplate(
        short_name=short_name, project_id=project, overlay=overlay()
    )


def upload_profile(
    short_name: str = "photos",
    *,
    project: str = "blog",
    originals: str = "store",
    outputs: str = "store",
    conversion: str = "web",
) -> upload_profile_pb2.UploadProfile:
    return upload_profile_pb2.UploadProfile(
        short_name=short_name,
        project_id=project,
        originals_location_id=originals,
        originals_path="originals",
        outputs_location_id=outputs,
        outputs_path="web",
        conversion_profile_id=conversion,
    )


def document(team_id: TeamId) -> bootstrap_pb2.ApplyBootstrapRequest:
    """Two projects, a location and a conversion profile for both, and one more of each for one."""
    return bootstrap_pb2.ApplyBootstrapRequest(
        team_id=team_id,
        projects=[
            project_pb2.Project(short_name="blog", display_name="The blog", max_bytes=1000),
            project_pb2.Project(short_name="shop"),
        ],
        storage_locations=[location(), location("shop-store", project="shop")],
        conversion_profiles=[
            conversion_profile(),
            conversion_profile("shop-web", project="shop"),
        ],
        upload_profiles=[
            upload_profile(),
            upload_profile(
                project="shop",
                originals="shop-store",
                outputs="shop-store",
                conversion="shop-web",
            ),
        ],
    )
