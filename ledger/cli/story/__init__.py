"""The story of the record: what became of an incident, an agreement, a threat or a report, act by act. It works
from replayed events alone and asks no read model, so that what read models answer can be held against it."""
