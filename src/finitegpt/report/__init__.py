"""What commands say, for people and as JSON."""

from finitegpt.report.chain import LARGEST_TABLE, chain_json, is_small, print_chain, state_space
from finitegpt.report.ensemble import ensemble_json, print_ensemble
from finitegpt.report.sizes import print_sizes
from finitegpt.report.training import print_training, train_json
from finitegpt.words import short

__all__ = [
    "LARGEST_TABLE",
    "chain_json",
    "ensemble_json",
    "is_small",
    "print_chain",
    "print_ensemble",
    "print_sizes",
    "print_training",
    "short",
    "state_space",
    "train_json",
]
