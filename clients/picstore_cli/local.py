"""Everything on this machine, in front of a person: how it starts, shows itself and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from picstore_cli.bootstrap.applying import apply
from picstore_cli.bootstrap.reading import read
from picstore_cli.console import complain, err, note, out, print_outputs, write
from picstore_cli.context import DEMO_PROJECT, local_stack
from picstore_cli.picture import PictureFormat, Result, UploadOptions, make_pictures, render
from picstore_cli.progress import progress_on
from picstore_client import PicStoreClient
from picstore_kit.errors import PicstoreError
from picstore_kit.settings import ServiceIdentitySettings, TargetsSettings
from picstore_local.demo import demo_photo
from picstore_local.errors import LocalError
from picstore_local.foreground import run_in_foreground
from picstore_local.reporter import StreamReporter
from picstore_local.services import OPERATOR
from picstore_local.settings import LocalSettings
from picstore_local.stack import Stack

_DOWN_TIMEOUT_S = 60.0


async def up(
    settings: LocalSettings, *, demo: bool, once: bool, image: Path | None, quiet: bool
) -> bool:
    """Run the stack until it is told to stop, or until the demo is done; return success.

    Raises:
        LocalError: It did not start, or something is beyond recovery.
    """
    reporter = StreamReporter(sys.stderr)
    stack = Stack(settings.data_dir, settings, reporter=_Quiet(reporter) if quiet else reporter)
    good = True

    async def when_ready() -> bool:
        nonlocal good
        if demo:
            good = await _demo(stack, image)
        if once:
            return False
        reporter.step(f"API {stack.urls.gateway}/api/v1, try it out on {stack.urls.gateway}/docs")
        if settings.data_dir != LocalSettings.model_fields["data_dir"].default:
            where = settings.data_dir.absolute()
            reporter.step(f"for commands elsewhere: export PICSTORE_LOCAL__DATA_DIR={where}")
        reporter.step("ready; Ctrl-C stops")
        return True

    await run_in_foreground(stack, reporter, when_ready=when_ready)
    return good


async def down(data_dir: Path | None) -> bool:
    """Stop the stack that another process runs; return whether there was one.

    Raises:
        LocalError: It does not stop.
    """
    stack = local_stack(data_dir)
    if stack is None:
        return False
    try:
        os.kill(stack.pid, signal.SIGTERM)
    except ProcessLookupError:
        return True  # it was just ending
    except PermissionError as error:
        raise LocalError(f"process {stack.pid} is another user's") from error
    deadline = time.monotonic() + _DOWN_TIMEOUT_S
    with err.status(f"stopping (process {stack.pid}) …"):
        while local_stack(data_dir) is not None:
            if time.monotonic() > deadline:
                raise LocalError(f"process {stack.pid} does not stop; end it by `kill -9`")
            await asyncio.sleep(0.1)
    return True


class _Quiet:
    """A reporter that leaves out what the services write; it is in the logs."""

    def __init__(self, reporter: StreamReporter) -> None:
        self.step: Callable[[str], None] = reporter.step
        self.ready: Callable[[str, float], None] = reporter.ready
        self.trouble: Callable[[str, str], None] = reporter.trouble

    def line(self, name: str, text: str) -> None:
        """Leave it out."""


async def _demo(stack: Stack, image: Path | None) -> bool:
    """Set up the demo team and make a picture of a photo; return whether that worked."""
    alt_text = credit = ""
    if image is None:
        photo = demo_photo()
        image, alt_text, credit = photo.path, photo.alt_text, photo.credit
    try:
        await _bootstrap(stack)
        result = await _convert(stack, image, alt_text)
    except PicstoreError as error:
        complain(error)
        return False
    if result is None:
        return False
    print_outputs(result.image)
    if credit:
        note(f"Photo: {credit}")
    out.print()
    write(render(result, PictureFormat.HTML))
    out.print()
    return True


async def _bootstrap(stack: Stack) -> None:
    s3 = stack.s3
    variables = {
        "PICSTORE_DEMO_API_KEY": stack.secrets.demo_api_key,
        "PICSTORE_DEMO_S3_ENDPOINT": s3.endpoint,
        "PICSTORE_DEMO_S3_REGION": s3.region,
        "PICSTORE_DEMO_S3_ACCESS_KEY": s3.access_key,
        "PICSTORE_DEMO_S3_SECRET_KEY": s3.secret_key,
        "PICSTORE_DEMO_ORIGINALS_BUCKET": s3.originals_bucket,
        "PICSTORE_DEMO_OUTPUTS_BUCKET": s3.outputs_bucket,
        "PICSTORE_DEMO_PUBLIC_URL": stack.urls.outputs,
    }
    with resources.as_file(resources.files("picstore_cli").joinpath("demo.yaml")) as path:
        document = await asyncio.to_thread(read, [path], variables)
    await apply(
        document,
        identity=ServiceIdentitySettings.model_validate(
            {"name": OPERATOR, "secret": stack.secrets.operator}
        ),
        targets=TargetsSettings(auth=stack.urls.grpc["auth"], catalog=stack.urls.grpc["catalog"]),
        dry_run=False,
    )


async def _convert(stack: Stack, image: Path, alt_text: str) -> Result | None:
    def on_error(path: Path, error: PicstoreError | OSError) -> None:
        complain(error, subject=str(path))

    async with PicStoreClient(stack.urls.gateway, stack.secrets.demo_api_key) as client:
        project = await client.find_project(DEMO_PROJECT)
        with progress_on(err) as progress:
            results = await make_pictures(
                client,
                project.id,
                [image],
                UploadOptions(alt_text=alt_text),
                progress=progress,
                on_error=on_error,
            )
    return results[0] if results else None
