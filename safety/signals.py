"""What the guards tell whoever wants to record it."""

from django.dispatch import Signal

# A membership was made, changed or removed, in the transaction that does so. Sent with `membership`, `change`
# (a sentence) and `by` (the person).
grant_changed = Signal()

# Somebody was put into a group of approvers or taken out of it, in the transaction that does so. Sent with `member`,
# `change` (a word) and `by` (the person).
group_changed = Signal()

# A role was made or changed, in the transaction that does so. Sent with `role` (as it is now), `change` (a word)
# and `by` (the person).
role_changed = Signal()

# A masking rule was made, changed or removed, in the transaction that does so. Sent with `change` (a word), the rule as
# it is `now` and as it was `before` (each None where there is none), and `by` (the person).
masking_rule_changed = Signal()
