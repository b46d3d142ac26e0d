"""Every kind of object that the command line knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from picstore.auth.v1.audit_pb2 import AuditEvent
from picstore.auth.v1.invitation_pb2 import Invitation
from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.import_pb2 import ImportItem, ImportJob
from picstore_cli.console import format_name, size, state_name
from picstore_cli.grants import write_grant
from picstore_cli.nouns import Noun
from picstore_client import methods

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from picstore.auth.v1.api_key_pb2 import ApiKey
    from picstore.catalog.v1.conversion_profile_pb2 import ConversionProfile
    from picstore.catalog.v1.overlay_template_pb2 import OverlayTemplate
    from picstore.catalog.v1.storage_location_pb2 import StorageLocation


def time_text(time: Timestamp) -> str:
    """Return a time as people read it, in UTC; nothing if it is not set."""
    return f"{time.ToDatetime():%Y-%m-%d %H:%M}" if time.seconds else ""


def _location_place(location: StorageLocation) -> str:
    if location.HasField("local"):
        return location.local.directory
    s3 = location.s3
    return "/".join(filter(None, (s3.endpoint.rstrip("/"), s3.bucket, s3.prefix)))


def _profile_makes(profile: ConversionProfile) -> str:
    formats = ", ".join(format_name(rule.format) for rule in profile.formats)
    return f"{formats} in {len(profile.sizes)} sizes"


def _canvas(template: OverlayTemplate) -> str:
    canvas = template.overlay.canvas
    return f"{canvas.width}×{canvas.height}" if canvas.width else "as the picture"


def _key_grants(key: ApiKey) -> str:
    return "all of its user" if key.inherit else "\n".join(map(write_grant, key.grants))


def _key_state(key: ApiKey) -> str:
    return "revoked" if key.HasField("revoke_time") else "live"


def _event_object(event: AuditEvent) -> str:
    return " ".join(filter(None, (event.resource_type, event.resource_id)))


def _event_outcome(event: AuditEvent) -> str:
    outcome = AuditEvent.Outcome.Name(event.outcome).removeprefix("OUTCOME_").lower()
    return f"{outcome}: {event.reason}" if event.reason else outcome


def _import_source(job: ImportJob) -> str:
    if job.HasField("bucket"):
        return "/".join(filter(None, (job.bucket.storage_location_id, job.bucket.prefix)))
    return job.url.url


def _import_counts(job: ImportJob) -> str:
    counts = {
        "imported": job.imported_count,
        "duplicate": job.duplicate_count,
        "refused": job.refused_count,
        "failed": job.failed_count,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


PROJECT: Final = Noun(
    title="project",
    type="Project",
    prefix="prj_",
    id_field="project_id",
    get=methods.GET_PROJECT,
    list=methods.LIST_PROJECTS,
    delete=methods.DELETE_PROJECT,
    key="short_name",
    columns=[
        ("id", lambda p: p.id),
        ("short name", lambda p: p.short_name),
        ("name", lambda p: p.display_name),
        ("base path", lambda p: p.base_path),
        ("largest", lambda p: size(p.max_bytes) if p.max_bytes else ""),
        ("made", lambda p: time_text(p.create_time)),
    ],
)
LOCATION: Final = Noun(
    title="storage location",
    type="StorageLocation",
    prefix="loc_",
    id_field="storage_location_id",
    get=methods.GET_STORAGE_LOCATION,
    list=methods.LIST_STORAGE_LOCATIONS,
    delete=methods.DELETE_STORAGE_LOCATION,
    key="short_name",
    columns=[
        ("id", lambda place: place.id),
        ("short name", lambda place: place.short_name),
        ("kind", lambda place: place.WhichOneof("provider") or ""),
        ("place", _location_place),
        ("public URL", lambda place: place.public_base_url),
        ("managed by", lambda place: "operator" if place.operator_managed else "team"),
    ],
)
CONVERSION_PROFILE: Final = Noun(
    title="conversion profile",
    type="ConversionProfile",
    prefix="cpr_",
    id_field="conversion_profile_id",
    get=methods.GET_CONVERSION_PROFILE,
    list=methods.LIST_CONVERSION_PROFILES,
    delete=methods.DELETE_CONVERSION_PROFILE,
    key="short_name",
    columns=[
        ("id", lambda p: p.id),
        ("short name", lambda p: p.short_name),
        ("name", lambda p: p.display_name),
        ("project", lambda p: p.project_id or "all"),
        ("revision", lambda p: str(p.revision)),
        ("makes", _profile_makes),
    ],
)
OVERLAY_TEMPLATE: Final = Noun(
    title="overlay template",
    type="OverlayTemplate",
    prefix="ovt_",
    id_field="overlay_template_id",
    get=methods.GET_OVERLAY_TEMPLATE,
    list=methods.LIST_OVERLAY_TEMPLATES,
    delete=methods.DELETE_OVERLAY_TEMPLATE,
    key="short_name",
    columns=[
        ("id", lambda t: t.id),
        ("short name", lambda t: t.short_name),
        ("name", lambda t: t.display_name),
        ("project", lambda t: t.project_id or "all"),
        ("revision", lambda t: str(t.revision)),
        ("canvas", _canvas),
        ("variables", lambda t: ", ".join(v.name for v in t.overlay.variables)),
    ],
)
UPLOAD_PROFILE: Final = Noun(
    title="upload profile",
    type="UploadProfile",
    prefix="upr_",
    id_field="upload_profile_id",
    get=methods.GET_UPLOAD_PROFILE,
    list=methods.LIST_UPLOAD_PROFILES,
    delete=methods.DELETE_UPLOAD_PROFILE,
    key="short_name",
    in_project=True,
    columns=[
        ("id", lambda p: p.id),
        ("short name", lambda p: p.short_name),
        ("originals", lambda p: p.originals_location_id),
        ("outputs", lambda p: p.outputs_location_id),
        ("conversion profile", lambda p: p.conversion_profile_id),
    ],
)
USER: Final = Noun(
    title="user",
    type="User",
    prefix="usr_",
    id_field="user_id",
    get=methods.GET_USER,
    list=methods.LIST_USERS,
    delete=methods.DELETE_USER,
    key="email",
    columns=[
        ("id", lambda u: u.id),
        ("email", lambda u: u.email),
        ("name", lambda u: u.display_name),
        ("roles", lambda u: "\n".join(u.role_ids)),
        ("state", lambda u: "disabled" if u.disabled else "active"),
        ("password", lambda u: "set" if u.has_password else ""),
        ("last login", lambda u: time_text(u.last_login_time)),
    ],
)
ROLE: Final = Noun(
    title="role",
    type="Role",
    prefix="rol_",
    id_field="role_id",
    get=methods.GET_ROLE,
    list=methods.LIST_ROLES,
    delete=methods.DELETE_ROLE,
    key="short_name",
    columns=[
        ("id", lambda r: r.id),
        ("short name", lambda r: r.short_name),
        ("name", lambda r: r.display_name),
        ("grants", lambda r: "\n".join(map(write_grant, r.grants))),
    ],
)
KEY: Final = Noun(
    title="API key",
    type="ApiKey",
    prefix="key_",
    id_field="api_key_id",
    get=methods.GET_API_KEY,
    list=methods.LIST_API_KEYS,
    columns=[
        ("id", lambda k: k.id),
        ("name", lambda k: k.display_name),
        ("user", lambda k: k.user_id),
        ("grants", _key_grants),
        ("expires", lambda k: time_text(k.expire_time)),
        ("last used", lambda k: time_text(k.last_use_time)),
        ("state", _key_state),
    ],
)
SESSION: Final = Noun(
    title="session",
    type="Session",
    prefix="ses_",
    id_field="session_id",
    get=None,
    list=methods.LIST_SESSIONS,
    columns=[
        ("id", lambda s: s.id),
        ("begun", lambda s: time_text(s.create_time)),
        ("last used", lambda s: time_text(s.last_use_time)),
        ("ends", lambda s: time_text(s.expire_time)),
        ("from", lambda s: s.client_address),
        ("by", lambda s: s.user_agent),
        ("current", lambda s: "yes" if s.current else ""),
    ],
)
INVITATION: Final = Noun(
    title="invitation",
    type="Invitation",
    prefix="inv_",
    id_field="invitation_id",
    get=None,
    list=methods.LIST_INVITATIONS,
    columns=[
        ("id", lambda i: i.id),
        ("user", lambda i: i.user_id),
        ("invited by", lambda i: i.inviter_id),
        ("state", lambda i: state_name(Invitation.State.Name(i.state))),
        ("made", lambda i: time_text(i.create_time)),
        ("expires", lambda i: time_text(i.expire_time)),
    ],
)
AUDIT_EVENT: Final = Noun(
    title="audit event",
    type="AuditEvent",
    prefix="aud_",
    id_field="",
    get=None,
    list=methods.LIST_AUDIT_EVENTS,
    columns=[
        ("time", lambda e: time_text(e.event_time)),
        ("who", lambda e: e.user_id or e.service),
        ("from", lambda e: e.client_address),
        ("method", lambda e: e.method.rpartition("/")[2]),
        ("object", _event_object),
        ("outcome", _event_outcome),
        ("changed", lambda e: ", ".join(c.field for c in e.changes)),
    ],
)
IMAGE: Final = Noun(
    title="picture",
    type="Image",
    prefix="img_",
    id_field="image_id",
    get=methods.GET_IMAGE,
    list=methods.LIST_IMAGES,
    in_project=True,
    columns=[
        ("id", lambda i: i.id),
        ("file", lambda i: i.filename),
        ("format", lambda i: format_name(i.format)),
        ("size", lambda i: f"{i.width}×{i.height}"),
        ("bytes", lambda i: size(i.size_bytes)),
        ("state", lambda i: state_name(Image.State.Name(i.state))),
        ("uploaded", lambda i: time_text(i.create_time)),
        ("tags", lambda i: ", ".join(i.tags)),
    ],
)
IMPORT_JOB: Final = Noun(
    title="import",
    type="ImportJob",
    prefix="imp_",
    id_field="import_job_id",
    get=methods.GET_IMPORT_JOB,
    list=methods.LIST_IMPORT_JOBS,
    in_project=True,
    columns=[
        ("id", lambda j: j.id),
        ("from", _import_source),
        ("state", lambda j: state_name(ImportJob.State.Name(j.state))),
        ("items", lambda j: f"{j.item_count}{'' if j.listed else '+'}"),
        ("of them", _import_counts),
        ("bytes", lambda j: size(j.received_bytes)),
        ("why", lambda j: j.failure_message),
        ("made", lambda j: time_text(j.create_time)),
    ],
)
IMPORT_ITEM: Final = Noun(
    title="item",
    type="ImportItem",
    prefix="",
    id_field="",
    get=None,
    list=methods.LIST_IMPORT_ITEMS,
    columns=[
        ("number", lambda i: str(i.number)),
        ("source", lambda i: i.source),
        ("state", lambda i: state_name(ImportItem.State.Name(i.state))),
        ("picture", lambda i: i.image_id),
        ("bytes", lambda i: size(i.received_bytes)),
        ("tries", lambda i: str(i.attempts)),
        ("why", lambda i: f"{i.reason}: {i.message}" if i.reason else ""),
    ],
)
