"""What a chain says, exactly: each number with a certificate, or the word "uncertified".

- `classes`: what can be reached from where; recurrent classes, periods
- `stationary`: where the chain ends up (by power iteration, `gth` or `aggregation`); `long_run`: what that says
- `entropy`: averages over the long run, above all how random it is
- `entropy_in_time`: how random each token is, from a start on
- `used_memory`: how many tokens of memory it uses; `minimal_machine`: the smallest automaton that does the same
- `hidden_past`: what that keeps of the past and never shows (crypticity)
- `regularity`: what past and future have in common (excess entropy), and how it is found out
- `dimension`: how many independent futures there are
- `mixing`: how long it remembers where it began
- `spectrum`: how fast it forgets
- `hitting`: whether and when states are reached; `patterns` and `red`: whether bad ones are
- `absorption`: which class catches it in the end; `survival`: how it fares while it avoids states
- `recurrence`: how long it takes to come back, and `visits`: how often it is somewhere before an end
- `rewards`: what is gathered on the way; `spread`: how far times scatter
- `deviation`, `fundamental`: how much more than usual comes in from a state; `derivatives`: what averages owe to arrows
- `comparison`: how far it is from another chain
- `with_startup`: the chain with its start-up contexts as states, for what is asked of operators

- `committors`: which of two sets comes first, and which was last; `transition_paths`: how it gets from one to the other
- `lumping`, `lumpability`: the chain of blocks of states, and whether it is one; `metastability`: blocks it stays in

- `growth`: how many texts are possible
- `sequences`: how probable a text is; `likeliest`: which one is the most probable
- `time_correlations`: how what it says now goes with what it says later
- `irreversibility`: whether its text reads the same backwards (`backward`), and how fast it shows that it does not

- `comparison`: how far it is from another chain; `seeds`: from many; `on_data`: what it loses on data
- `order`: how many tokens of memory a text speaks for

Entropies are in nats unless a name says bits; times are in tokens.
"""

from finitegpt.analysis.absorption import absorption_probabilities, absorption_weights
from finitegpt.analysis.bound import Bound, Bounds
from finitegpt.analysis.classes import Classes, communicating_classes, cyclic_classes, period, recurrent_classes
from finitegpt.analysis.committors import backward_committor, forward_committor
from finitegpt.analysis.comparison import Comparison, approach, compare, extended
from finitegpt.analysis.derivatives import Sensitivity, sensitivity
from finitegpt.analysis.deviation import bias
from finitegpt.analysis.dimension import canonical_correlations, rank
from finitegpt.analysis.entropy import average, entropy_rate
from finitegpt.analysis.entropy_in_time import entropy_curve
from finitegpt.analysis.fundamental import fundamental_column, fundamental_row
from finitegpt.analysis.growth import topological_entropy
from finitegpt.analysis.hidden_past import crypticity
from finitegpt.analysis.hitting import hitting_probabilities, mean_first_passage_times
from finitegpt.analysis.irreversibility import Reversibility, entropy_production, is_reversible
from finitegpt.analysis.likeliest import Path, most_probable_path
from finitegpt.analysis.long_run import StationaryDistribution, TopStates
from finitegpt.analysis.lumpability import coarsest_lumping, is_lumpable, lumpability_gap
from finitegpt.analysis.lumping import Lumped, lump
from finitegpt.analysis.metastability import MetastableSets, metastable_sets
from finitegpt.analysis.minimal_machine import Machine, machine
from finitegpt.analysis.mixing import mixing_time
from finitegpt.analysis.on_data import cross_entropy, data_entropy
from finitegpt.analysis.order import MarkovOrder, markov_order
from finitegpt.analysis.pathways import Pathway
from finitegpt.analysis.patterns import match, select
from finitegpt.analysis.recurrence import commute_time, commute_times, kemeny_constant, mean_recurrence_times
from finitegpt.analysis.red import RedStates, red_states
from finitegpt.analysis.regularity import (
    block_entropies,
    entropy_convergence,
    excess_entropy,
    transient_information,
)
from finitegpt.analysis.rewards import discounted_reward, expected_reward
from finitegpt.analysis.seeds import Comparisons, Sample, compare_many
from finitegpt.analysis.sequences import sequence_log_probability, sequence_probability
from finitegpt.analysis.spectrum import eigenvalues, implied_timescales, spectral_gap, total_variation
from finitegpt.analysis.spread import first_passage_deviations, first_passage_variances
from finitegpt.analysis.starts import start_distribution
from finitegpt.analysis.stationary import stationary_distribution, stationary_distributions
from finitegpt.analysis.survival import hazard, survival_rate
from finitegpt.analysis.time_correlations import autocorrelation, correlation, covariances
from finitegpt.analysis.transition_paths import ReactiveFlux, reactive_flux
from finitegpt.analysis.used_memory import Memory, memory
from finitegpt.analysis.visits import expected_visits, visits_from
from finitegpt.startup import StartupOperator, with_startup

__all__ = [
    "Bound",
    "Bounds",
    "Classes",
    "Comparison",
    "Comparisons",
    "Lumped",
    "Machine",
    "MarkovOrder",
    "Memory",
    "MetastableSets",
    "Path",
    "Pathway",
    "ReactiveFlux",
    "RedStates",
    "Reversibility",
    "Sample",
    "Sensitivity",
    "StartupOperator",
    "StationaryDistribution",
    "TopStates",
    "absorption_probabilities",
    "absorption_weights",
    "approach",
    "autocorrelation",
    "average",
    "backward_committor",
    "bias",
    "block_entropies",
    "canonical_correlations",
    "coarsest_lumping",
    "communicating_classes",
    "commute_time",
    "commute_times",
    "compare",
    "compare_many",
    "correlation",
    "covariances",
    "cross_entropy",
    "crypticity",
    "cyclic_classes",
    "data_entropy",
    "discounted_reward",
    "eigenvalues",
    "entropy_convergence",
    "entropy_curve",
    "entropy_production",
    "entropy_rate",
    "excess_entropy",
    "expected_reward",
    "expected_visits",
    "extended",
    "first_passage_deviations",
    "first_passage_variances",
    "forward_committor",
    "fundamental_column",
    "fundamental_row",
    "hazard",
    "hitting_probabilities",
    "implied_timescales",
    "is_lumpable",
    "is_reversible",
    "kemeny_constant",
    "lump",
    "lumpability_gap",
    "machine",
    "markov_order",
    "match",
    "mean_first_passage_times",
    "mean_recurrence_times",
    "memory",
    "metastable_sets",
    "mixing_time",
    "most_probable_path",
    "period",
    "rank",
    "reactive_flux",
    "recurrent_classes",
    "red_states",
    "select",
    "sensitivity",
    "sequence_log_probability",
    "sequence_probability",
    "spectral_gap",
    "start_distribution",
    "stationary_distribution",
    "stationary_distributions",
    "survival_rate",
    "topological_entropy",
    "total_variation",
    "transient_information",
    "visits_from",
    "with_startup",
]
