"""The work of flows/large_array.py without storing anything."""

from data import make_array, use_array

print(use_array(make_array()))
