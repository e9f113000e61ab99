"""What a dataset is: its schema, its statistics, and what to be careful about.

Everything is read in one pass with bounded memory, and nothing depends on the
clock or on chance: the same data give the same bytes.
"""

DOCUMENT_VERSION = 1
SEED = 20240501
