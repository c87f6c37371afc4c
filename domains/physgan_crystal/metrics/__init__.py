"""The standard metrics of crystal generators, as the CDVAE benchmark defines them.

Xie et al., ICLR 2022, arXiv:2110.06197. `benchmark.evaluate` computes all of them.
"""
