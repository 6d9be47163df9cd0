"""Pictures: the state graph, the loss curve and the spread over seeds, as SVG text; and SVG as PNG."""

from finitegpt.picture.curves import loss_curve
from finitegpt.picture.graph import state_graph
from finitegpt.picture.spread import seed_spread
from finitegpt.picture.svg import to_png

__all__ = ["loss_curve", "seed_spread", "state_graph", "to_png"]
