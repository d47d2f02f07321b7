"""How fast refdiff is, beside PyTorch, JAX and diffusers: `python -m benchmarks --json FILE`.

Each race is between equals: the other side is the same network, parameter for parameter, and before anything is timed
its outputs and gradients are compared with ours in float64. One thread, CPU time, the sides taking turns in one
process.
"""
