"""The runner of conformance vectors for Python hosts: see ``tests/conformance/README.md``."""
