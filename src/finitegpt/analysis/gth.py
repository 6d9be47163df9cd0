from finitegpt.gth import error_bound, gth  # noqa
