"""From a document to the requests that set it up."""

from __future__ import annotations

from collections.abc import Mapping

from picstore.auth.v1 import bootstrap_pb2 as auth
from picstore.catalog.v1 import bootstrap_pb2 as catalog
from picstore.catalog.v1 import (
    conversion_pb2,
    conversion_profile_pb2,
    project_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore.options.v1 import permission_pb2
from picstore_cli.bootstrap import document as doc
from picstore_cli.bootstrap.reading import DocumentError
from picstore_kit.rpc.auth import permission_number


def auth_request(
    document: doc.Document,
    *,
    team_id: str,
    project_ids: Mapping[str, str],
    upload_profile_ids: Mapping[str, str],
    dry_run: bool,
) -> auth.ApplyBootstrapRequest:
    """Ask auth for the team and its people; the ids are those that the catalog has or will have.

    Raises:
        DocumentError: It names a permission that does not exist.
    """
    return auth.ApplyBootstrapRequest(
        team=auth.BootstrapTeam(
            id=team_id,
            short_name=document.team.short_name,
            display_name=document.team.display_name,
        ),
        roles=[
            auth.BootstrapRole(
                short_name=role.short_name,
                display_name=role.display_name,
                grants=_grants(role.grants),
            )
            for role in document.roles
        ],
        users=[
            auth.BootstrapUser(email=user.email, display_name=user.display_name, roles=user.roles)
            for user in document.users
        ],
        api_keys=[_api_key(key) for key in document.api_keys],
        project_ids=project_ids,
        upload_profile_ids=upload_profile_ids,
        dry_run=dry_run,
    )


def catalog_request(
    document: doc.Document,
    *,
    team_id: str,
    project_ids: Mapping[str, str],
    upload_profile_ids: Mapping[str, str],
    dry_run: bool,
) -> catalog.ApplyBootstrapRequest:
    """Ask the catalog for projects, locations and profiles."""
    return catalog.ApplyBootstrapRequest(
        team_id=team_id,
        projects=[
            project_pb2.Project(
                id=project_ids.get(project.short_name, ""),
                short_name=project.short_name,
                display_name=project.display_name,
                base_path=project.base_path,
                max_bytes=project.max_bytes,
                max_pixels=project.max_pixels,
            )
            for project in document.projects
        ],
        storage_locations=[_location(location) for location in document.storage_locations],
        conversion_profiles=[_conversion(profile) for profile in document.conversion_profiles],
        upload_profiles=[
            upload_profile_pb2.UploadProfile(
                id=upload_profile_ids.get(f"{profile.project}/{profile.short_name}", ""),
                project_id=profile.project,
                short_name=profile.short_name,
                display_name=profile.display_name,
                originals_location_id=profile.originals_location,
                originals_path=profile.originals_path,
                outputs_location_id=profile.outputs_location,
                outputs_path=profile.outputs_path,
                conversion_profile_id=profile.conversion_profile,
            )
            for profile in document.upload_profiles
        ],
        dry_run=dry_run,
    )


def _api_key(key: doc.APIKey) -> auth.BootstrapApiKey:
    message = auth.BootstrapApiKey(
        credential=key.credential.get_secret_value(),
        user=key.user,
        display_name=key.display_name,
        grants=_grants(key.grants),
        default_upload_profile=key.default_upload_profile,
    )
    if key.expire_time is not None:
        message.expire_time.FromDatetime(key.expire_time)
    return message


def _grants(grants: doc.Grants) -> list[auth.BootstrapGrant]:
    return [
        auth.BootstrapGrant(permission=_permission(grant.permission), project=grant.project)
        for grant in grants
    ]


def _permission(name: str) -> permission_pb2.Permission.ValueType:
    try:
        return permission_number(name)
    except ValueError as error:
        raise DocumentError(f"there is no permission {name!r}") from error


def _location(location: doc.StorageLocation) -> storage_location_pb2.StorageLocation:
    message = storage_location_pb2.StorageLocation(
        project_id=location.project,
        short_name=location.short_name,
        display_name=location.display_name,
        public_base_url=location.public_base_url,
        cache_control=location.cache_control,
    )
    if location.s3 is not None:
        message.s3.CopyFrom(
            storage_location_pb2.S3Provider(
                endpoint=location.s3.endpoint,
                region=location.s3.region,
                bucket=location.s3.bucket,
                prefix=location.s3.prefix,
                access_key_id=location.s3.access_key_id,
                secret_access_key=location.s3.secret_access_key.get_secret_value(),
            )
        )
    if location.local is not None:
        message.local.directory = location.local.directory
    return message


def _conversion(profile: doc.ConversionProfile) -> conversion_profile_pb2.ConversionProfile:
    return conversion_profile_pb2.ConversionProfile(
        project_id=profile.project,
        short_name=profile.short_name,
        display_name=profile.display_name,
        formats=[
            conversion_pb2.FormatRule(
                format=_format(rule.format),
                quality=rule.quality,
                lossless=rule.lossless,
                effort=rule.effort,
                only_from=[_format(name) for name in rule.only_from],
                not_from=[_format(name) for name in rule.not_from],
                options=_options(rule.options),
                auto_quality=_auto_quality(rule.auto_quality),
            )
            for rule in profile.formats
        ],
        sizes=[_size(rule) for rule in profile.sizes],
        background=profile.background,
        metadata=conversion_pb2.MetadataPolicy.Value(f"METADATA_POLICY_{profile.metadata.upper()}"),
        keep_gps=profile.keep_gps,
        colour=conversion_pb2.ColourPolicy.Value(f"COLOUR_POLICY_{profile.colour.upper()}"),
        skip_if_larger_percent=profile.skip_if_larger_percent,
    )


def _options(options: doc.EncoderOptions | None) -> conversion_pb2.EncoderOptions | None:
    if options is None:
        return None
    chroma = (options.chroma or "unspecified").upper()
    return conversion_pb2.EncoderOptions(
        near_lossless=options.near_lossless,
        colours=options.colours,
        dithering=options.dithering,
        progressive=options.progressive,
        optimise_scans=options.optimise_scans,
        trellis=options.trellis,
        chroma=conversion_pb2.Chroma.Value(f"CHROMA_{chroma}"),
        bit_depth=options.bit_depth,
    )


def _auto_quality(wanted: doc.AutoQuality | None) -> conversion_pb2.AutoQuality | None:
    if wanted is None:
        return None
    return conversion_pb2.AutoQuality(
        metric=conversion_pb2.Metric.Value(f"METRIC_{wanted.metric.upper()}"),
        target=wanted.target,
        min_quality=wanted.min_quality,
        max_quality=wanted.max_quality,
    )


def _size(rule: doc.SizeRule) -> conversion_pb2.SizeRule:
    return conversion_pb2.SizeRule(
        width=rule.width,
        height=rule.height,
        fit=conversion_pb2.Fit.Value(f"FIT_{rule.fit.upper()}"),
        gravity=conversion_pb2.Gravity.Value(f"GRAVITY_{(rule.gravity or 'unspecified').upper()}"),
        when=conversion_pb2.When.Value(f"WHEN_{rule.when.upper()}"),
        enlarge=rule.enlarge,
        densities=[
            conversion_pb2.Density(ratio=density.ratio, quality=density.quality)
            for density in rule.densities
        ],
    )


def _format(name: doc.SourceFormat) -> conversion_pb2.Format.ValueType:
    return conversion_pb2.Format.Value(f"FORMAT_{name.upper()}")
