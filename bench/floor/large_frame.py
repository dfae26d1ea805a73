"""The work of flows/large_frame.py without storing anything."""

from data import make_frame, use_frame

print(use_frame(make_frame()))
