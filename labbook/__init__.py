"""labbook: a terminal lab notebook for people who train neural networks on clusters."""

__version__ = "0.1.0"
