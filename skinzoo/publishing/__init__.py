"""Publishing a model: a complete card, its figures, golden outputs, one verified commit."""

from skinzoo.publishing.card import ModelCard
from skinzoo.publishing.golden import replay_golden, write_golden
from skinzoo.publishing.pushing import Published, PublishedFile, push_to_hub
from skinzoo.publishing.questions import QUESTIONS
from skinzoo.publishing.template import card_template

__all__ = [
    "QUESTIONS",
    "ModelCard",
    "Published",
    "PublishedFile",
    "card_template",
    "push_to_hub",
    "replay_golden",
    "write_golden",
]
