"""What serves tests and the people who write them: journal, faults, control, page, fixtures, saved states.

The cloud and its services know nothing of it.
"""
