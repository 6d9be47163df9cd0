"""What a chain says, exactly: each number with a certificate, or the word "uncertified".

- `classes`: what can be reached from where; recurrent classes, periods
- `stationary`: where the chain ends up (by power iteration, `gth` or `aggregation`)
- `entropy`: averages over the long run, above all how random it is
- `used_memory`: how many tokens of memory it uses; `minimal_machine`: the smallest automaton that does the same
- `mixing`: how long it remembers where it began
- `spectrum`: how fast it forgets
- `hitting`: whether and when states are reached; `patterns` and `red`: whether bad ones are
- `absorption`: which class catches it in the end; `survival`: how it fares while it avoids states
- `recurrence`: how long it takes to come back, and `visits`: how often it is somewhere before an end
- `rewards`: what is gathered on the way; `spread`: how far times scatter
- `deviation`, `fundamental`: how much more than usual comes in from a state; `derivatives`: what averages owe to arrows
- `comparison`: how far it is from another chain

Entropies are in nats unless a name says bits; times are in tokens.
"""

from finitegpt.analysis.absorption import absorption_probabilities, absorption_weights
from finitegpt.analysis.bound import Bound, Bounds
from finitegpt.analysis.classes import Classes, communicating_classes, cyclic_classes, period, recurrent_classes
from finitegpt.analysis.comparison import Comparison, approach, compare, cross_entropy, data_entropy, extended
from finitegpt.analysis.derivatives import Sensitivity, sensitivity
from finitegpt.analysis.deviation import bias
from finitegpt.analysis.entropy import average, entropy_rate
from finitegpt.analysis.fundamental import fundamental_column, fundamental_row
from finitegpt.analysis.hitting import hitting_probabilities, mean_first_passage_times
from finitegpt.analysis.minimal_machine import Machine, machine
from finitegpt.analysis.mixing import mixing_time
from finitegpt.analysis.patterns import match, select
from finitegpt.analysis.recurrence import commute_time, commute_times, kemeny_constant, mean_recurrence_times
from finitegpt.analysis.red import RedStates, red_states
from finitegpt.analysis.rewards import discounted_reward, expected_reward
from finitegpt.analysis.spectrum import eigenvalues, implied_timescales, spectral_gap, total_variation
from finitegpt.analysis.spread import first_passage_deviations, first_passage_variances
from finitegpt.analysis.starts import start_distribution
from finitegpt.analysis.stationary import StationaryDistribution, stationary_distribution, stationary_distributions
from finitegpt.analysis.survival import hazard, survival_rate
from finitegpt.analysis.used_memory import Memory, memory
from finitegpt.analysis.visits import expected_visits, visits_from

__all__ = [
    "Bound",
    "Bounds",
    "Classes",
    "Comparison",
    "Machine",
    "Memory",
    "RedStates",
    "Sensitivity",
    "StationaryDistribution",
    "absorption_probabilities",
    "absorption_weights",
    "approach",
    "average",
    "bias",
    "communicating_classes",
    "commute_time",
    "commute_times",
    "compare",
    "cross_entropy",
    "cyclic_classes",
    "data_entropy",
    "discounted_reward",
    "eigenvalues",
    "entropy_rate",
    "expected_reward",
    "expected_visits",
    "extended",
    "first_passage_deviations",
    "first_passage_variances",
    "fundamental_column",
    "fundamental_row",
    "hazard",
    "hitting_probabilities",
    "implied_timescales",
    "kemeny_constant",
    "machine",
    "match",
    "mean_first_passage_times",
    "mean_recurrence_times",
    "memory",
    "mixing_time",
    "period",
    "recurrent_classes",
    "red_states",
    "select",
    "sensitivity",
    "spectral_gap",
    "start_distribution",
    "stationary_distribution",
    "stationary_distributions",
    "survival_rate",
    "total_variation",
    "visits_from",
]
