"""Pictures: the state graph and the loss curve, as SVG text, and SVG as PNG."""

from finitegpt.picture.curves import loss_curve
from finitegpt.picture.graph import state_graph
from finitegpt.picture.svg import to_png

__all__ = ["loss_curve", "state_graph", "to_png"]
