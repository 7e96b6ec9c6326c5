"""Taking a campus over to another face model."""

from apps.face_models.services.reembedding import REEMBED, reembed_some, reembed_start

__all__ = ["REEMBED", "reembed_some", "reembed_start"]
