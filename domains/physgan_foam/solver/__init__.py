"""Reference solvers of two-dimensional coarsening foams, and the statistics they are judged by."""
