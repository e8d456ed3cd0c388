"""Whether to leave what is in hand: set by a second Ctrl-C, looked at by those who wait for threads."""

from threading import Event

LOOK = 0.1  # [s] between two looks

hurry = Event()
