"""Chains in other people's formats, a file each: csr (SciPy), digraph (networkx), dot (Graphviz), table (CSV)."""
