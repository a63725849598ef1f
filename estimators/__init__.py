"""The statistics: pure functions on arrays and counts, without data access or drawing.

Every function states the question it answers, its inputs with shapes and units, the method and
its primary source, when it misleads, and what it raises. Nothing is rounded here: an exhibit
rounds once, where it is made.
"""
