"""From several people's answers to one: votes, yes/no labels, boxes, shapes and texts; agreement; suspected errors.

Pure functions without a workspace. `labeling.consolidation` applies them to a collection.
"""

from labeling.consensus.files import agreement_of_answers_file, consolidate_answers_file
from labeling.consensus.votes import Consensus, Votes, consolidate_votes

__all__ = ["Consensus", "Votes", "agreement_of_answers_file", "consolidate_answers_file", "consolidate_votes"]
