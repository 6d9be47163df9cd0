"""Chains in other people's formats, both ways, a file each.

- csr: SciPy's and NumPy's transition matrices; quantecon, pydtmc: the Markov chains of those libraries
- digraph: networkx; dot: Graphviz, which is only written
- table: CSV; arrow: Arrow, and so pandas, Polars, Parquet; both are a listing, a row an arrow
- drn, umb: Storm's and other model checkers' files

A reader gives the parts of a chain: `Chain(**vars(parts))`. `Chain` has all of them, as `from_*` and `to_*` or `read_*`
and `write_*`.
"""
