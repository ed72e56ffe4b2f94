"""The casualties read model: itemised claims and tolls, with the bounds that follow from their words, and the
figures that come out of them. It adds no toll to any figure, and guesses no number unless a policy asks for it."""

from projections.casualties.claims import CASUALTIES

__all__ = ["CASUALTIES"]
