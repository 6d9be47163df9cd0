"""Pictures: state graphs, machines, fluxes, beliefs, curves and the spread over seeds, as SVG text; and SVG as PNG."""

from finitegpt.picture.automaton import machine_graph
from finitegpt.picture.beliefs import simplex
from finitegpt.picture.flux import flux_graph
from finitegpt.picture.graph import state_graph
from finitegpt.picture.loss import loss_curve
from finitegpt.picture.plots import curves
from finitegpt.picture.spread import seed_spread
from finitegpt.picture.svg import to_png

__all__ = ["curves", "flux_graph", "loss_curve", "machine_graph", "seed_spread", "simplex", "state_graph", "to_png"]
