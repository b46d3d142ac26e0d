"""Generate `docs/errors.md` from the contract: reasons, codes, examples and what can be done.

python docs/generate.py            write it
python docs/generate.py --check    fail if what is committed is not what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from picstore.errors.v1.error_reason_pb2 import ErrorReason
from picstore.options.v1 import options_pb2
from picstore_gateway.problems import status_of
from picstore_kit.errors import Code, PicstoreError, Reason

TARGET: Final = Path(__file__).with_name("errors.md")

_FILE: Final = "picstore/errors/v1/error_reason.proto"
_PREFIX: Final = "ERROR_REASON_"
_CLASSES: Final = {kind.code: kind for kind in PicstoreError.__subclasses__()}

_INTRODUCTION: Final = """\
# Errors

<!-- Made by `make docs` of protos/picstore/errors/v1/error_reason.proto: edit it there. -->

Programs decide by the reason of an error, never by its message. A reason keeps its meaning; new
ones may come, so treat one that you do not know by its code.

Over gRPC an error is a `google.rpc.Status` with one `google.rpc.ErrorInfo`, whose domain is
`picstore`. Beside it come, where they apply:

| detail | holds |
|---|---|
| `BadRequest` | every field that is wrong, with its path and what is wrong with it |
| `RetryInfo` | after how long the same call may succeed |
| `ResourceInfo` | the type and the id of the object that the error is about |
| `QuotaFailure` | the limit that was exceeded, its reason as the subject |

Over HTTP it is `application/problem+json` (RFC 9457) with the same reason and metadata,
`violations` for the fields, `resource` for the object, and the header `Retry-After`:

```json
{
  "type": "urn:picstore:error:FIELD_INVALID",
  "title": "Bad Request",
  "status": 400,
  "detail": "project.short_name is required",
  "code": "INVALID_ARGUMENT",
  "reason": "FIELD_INVALID",
  "metadata": {"fields": "project.short_name"},
  "violations": [{"field": "project.short_name", "description": "is required"}],
  "request_id": "4f0c6e1b2a7d4c55"
}
```

An object of another team is not found, exactly like one that does not exist. An object of yours
that you may not touch is `PERMISSION_MISSING`, with the permission in the metadata.

Images and outputs that failed or were skipped carry a reason, too. The last column says which
reasons that can be.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reason."""

    reason: Reason
    when: str
    metadata: dict[str, str]
    codes: tuple[Code, ...]
    remedy: str
    of_pictures: bool

    @property
    def statuses(self) -> tuple[int, ...]:
        """The HTTP statuses that the gateway answers with, one for each code."""
        return tuple(status_of(_CLASSES[code](self.reason, "")) for code in self.codes)


def entries() -> Iterator[Entry]:
    """Yield every reason of the contract, in its order."""
    comments = _comments(_file())
    for name, number in ErrorReason.items():
        if number == 0:
            continue
        when, _, example = comments[name].partition("\n\n")
        guide = (
            ErrorReason.DESCRIPTOR.values_by_name[name].GetOptions().Extensions[options_pb2.error]
        )
        yield Entry(
            reason=Reason(name.removeprefix(_PREFIX)),
            when=" ".join(when.split()),
            metadata=json.loads(example)["metadata"],
            codes=tuple(Code(code) for code in guide.codes),
            remedy=guide.remedy,
            of_pictures=guide.of_pictures,
        )


def page() -> str:
    """Return the text of `docs/errors.md`."""
    found = list(entries())
    overview = [
        "| reason | code | HTTP | of images and outputs |",
        "|---|---|---|---|",
        *map(_row, found),
    ]
    return "\n".join([_INTRODUCTION, *overview, *map(_section, found)]) + "\n"


def _row(entry: Entry) -> str:
    name = entry.reason.value
    codes = ", ".join(code.name for code in entry.codes)
    statuses = ", ".join(map(str, dict.fromkeys(entry.statuses)))
    return f"| [{name}](#{name.lower()}) | {codes} | {statuses} | {'yes' * entry.of_pictures} |"


def _section(entry: Entry) -> str:
    answers = ", ".join(
        f"{code.name} (HTTP {status})"
        for code, status in zip(entry.codes, entry.statuses, strict=True)
    )
    lines = [f"\n## {entry.reason.value}\n", f"{entry.when}\n"]
    lines.append(f"- Code: {answers or 'none, no call fails for it'}")
    if entry.of_pictures:
        lines.append("- Also the reason of images or outputs that failed or were skipped")
    if entry.metadata:
        lines.append(f"- Metadata: `{json.dumps(entry.metadata, ensure_ascii=False)}`")
    lines.append(f"- What to do: {entry.remedy}")
    return "\n".join(lines)


def _file() -> FileDescriptorProto:
    image = resources.files("picstore").joinpath("descriptors.binpb").read_bytes()
    return next(file for file in FileDescriptorSet.FromString(image).file if file.name == _FILE)


def _comments(file: FileDescriptorProto) -> dict[str, str]:
    """Return the comment of each value of the file's one enum."""
    texts = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    return {
        value.name: texts[5, 0, 2, index].strip()
        for index, value in enumerate(file.enum_type[0].value)
    }


def main() -> int:
    """Write the page, or check it; the return value is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail if it differs")
    wanted = page()
    if not parser.parse_args().check:
        TARGET.write_text(wanted, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == wanted:
        return 0
    print("docs/errors.md is not what the contract says: run `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
