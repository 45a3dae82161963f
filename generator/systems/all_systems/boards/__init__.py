"""Boards of All systems, one module each, in the order in which one walks down to the detail."""

from generator.systems.all_systems.boards import overview

BOARDS = (overview,)
