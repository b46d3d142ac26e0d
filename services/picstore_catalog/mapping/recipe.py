"""How outputs and drawings were made, on the wire."""

from __future__ import annotations

from picstore.catalog.v1 import conversion_pb2
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import InvalidField


def recipe_message(recipe: Recipe) -> conversion_pb2.Recipe:
    """Return a recipe as callers see it."""
    return conversion_pb2.Recipe(
        steps=recipe.steps,
        encoder=recipe.encoder,
        encoder_version=recipe.encoder_version,
        quality=recipe.quality,
        effort=recipe.effort,
        metric=recipe.metric,
        score=recipe.score,
        encodes=recipe.encodes,
        cpu_ms=recipe.cpu_ms,
        decode_cpu_ms=recipe.decode_cpu_ms,
        peak_rss_bytes=recipe.peak_rss_bytes,
        start_quality=recipe.start_quality,
    )


def read_recipe(message: conversion_pb2.Recipe, *, field: str) -> Recipe:
    """Read how an output, or a drawing, was made.

    Raises:
        InvalidField: It is longer than a recipe is, or not printable.
    """
    try:
        return Recipe.from_json(
            {
                "steps": list(message.steps),
                "encoder": message.encoder,
                "encoder_version": message.encoder_version,
                "quality": message.quality if message.HasField("quality") else None,
                "effort": message.effort,
                "metric": message.metric,
                "score": message.score if message.HasField("score") else None,
                "encodes": message.encodes,
                "cpu_ms": message.cpu_ms,
                "decode_cpu_ms": message.decode_cpu_ms,
                "peak_rss_bytes": message.peak_rss_bytes,
                "start_quality": (
                    message.start_quality if message.HasField("start_quality") else None
                ),
            }
        )
    except ValueError as error:
        raise InvalidField(field, f"must be a recipe: {error}") from None
