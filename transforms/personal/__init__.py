"""Personal data inside text: forms, check digits, the finder, and the row functions that hide what it finds.

These modules import nothing of ours but each other, so that their sources can go into exported code (`bundle`).
"""
