"""What the regions of a workflow tell each other, and how their local states are called.

What a step's region tells others, by the triggers that regions pull of each other:

    $ready     all that it waits for has settled          $blocked   something that it waits for failed
    $skip      the choice went the other way              $cancel    nobody wants its result any more
    $go        there is a place for it                    $undo      undo it, and pass this on to the next

To its block a step tells $joined (counted: all within it are over), $won, $lost, $failing, $rolled-back; to a
condition $branch:OUTCOME. To the workflow it tells $failed, and $quiet is counted: nothing runs, and nothing will.

Local states with a `$` in their names are turns of the state before it: `cancelling.$late` ran out of time and
waits for its handler's end, `waiting.$line` waits for a place, `running.$failing` fails when all within it are over.

The words of `table`, `kinds`, `undoing`, `steps` and `workflow`.
"""

from __future__ import annotations

from typing import Literal

from statewf.machine.fsm import LocalState, Transition

WORKFLOW = "workflow"
READY, BLOCKED, SKIP, GO, UNDO, UNDO_OWN = "$ready", "$blocked", "$skip", "$go", "$undo", "$undo-own"
JOINED, WON, LOST, FAILING, BRANCH = "$joined", "$won", "$lost", "$failing", "$branch:"
ROLLED = "$rolled-back"
FAILED, QUIET, UNDOING, UNDO_FAILED, UNDONE = "$failed", "$quiet", "$undoing", "$undo-failed", "$undone"
GRACE, ENDED, ELAPSED, ESCALATE, CHOOSE = "$grace", "$ended", "$elapsed", "$escalate", "$choose"

RUNNING, BACKOFF, LATE, CANCELLING = "running", "backoff", "cancelling.$late", "cancelling"
LINE, BACKOFF_LINE, BRANCH_FAILED = "waiting.$line", "backoff.$line", "running.$failing"
AGAIN_LINE = "waiting.$again"  # for a place after a review
ROLLED_BACK = "failed.$rollback"
FINAL = ("succeeded", "failed", ROLLED_BACK, "skipped", "cancelled")

ENDS = {name: LocalState(name) for name in FINAL}  # one of each for all steps that nothing leads on from
BEGINNING = Transition("", "waiting")

Settled = Literal["succeeded", "failed", "skipped", "cancelled"]
