"""What the guards tell whoever wants to record it."""

from django.dispatch import Signal

# A membership was made, changed or removed, in the transaction that does so. Sent with `membership`, `change`
# (a sentence) and `by` (the person).
grant_changed = Signal()
