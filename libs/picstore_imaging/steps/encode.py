"""Write an output's file with the encoder of its format."""

from __future__ import annotations

from picstore_imaging import vips
from picstore_imaging.blocks import describe
from picstore_imaging.context import OutputContext
from picstore_imaging.encoders import save
from picstore_imaging.encoders.automatic import save_as_good_as
from picstore_kit.errors import PicstoreError


def encode(context: OutputContext) -> None:
    """Run the pipeline of this output and write its file; no file is left where it fails.

    Raises `ENCODE_FAILED`.
    """
    try:
        with vips.encode_failed_on_error():
            image = describe(context.image, context.blocks, context.spec)
            if context.spec.auto_quality is None:
                context.encoder = save(image, context.path, context.spec)
            else:
                context.sought = save_as_good_as(
                    image, context.path, context.spec, start=context.start_quality
                )
                context.encoder = context.sought.encoder
                context.done.append(context.sought.told)
            context.done.append(f"encode by {context.encoder.name}: {context.encoder.told}")
    except PicstoreError:
        context.path.unlink(missing_ok=True)
        raise
