//! Verdicts and exit codes.

use super::{Entry, Kind};

const fn verdict(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Verdict, code, meaning, next }
}

const fn exit(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::ExitCode, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    verdict(
        "match",
        "Over the stated range every source record has exactly one equal copy on the target, in order, and the target has nothing \
         else. Findings that an allowance covers are listed and do not change it.",
        "Look at the groups: the verdict is about records, the exit code also about resume positions.",
    ),
    verdict(
        "divergent",
        "There is at least one finding that no allowance covers.",
        "Start with the findings table; `cutproof explain KIND` says what each kind means.",
    ),
    verdict(
        "inconclusive",
        "Something could not be judged: nothing was compared, records are pending, a range was not read to its end, or a \
         position is open. It is not a match.",
        "Read `reasons`; remove the first one and run again.",
    ),
    exit(
        "0",
        "All gates pass: the records match, no group skips or lacks a record, every position is judged.",
        "Look at the scorecards: a replay fails no default gate.",
    ),
    exit(
        "1",
        "The run could not complete: network, cluster, permissions, disk, or a defect of Cutproof. It says nothing about the records.",
        "Do what the line `next:` says, and run again.",
    ),
    exit(
        "2",
        "Flags, configuration or credentials are wrong, or the plan is refused: nothing was compared.",
        "Do what the line `next:` says, and run again.",
    ),
    exit(
        "10",
        "No-go: there are findings that no allowance covers, a group would skip records, or records ahead of a group are missing.",
        "Do not cut over. `reasons` has the decisive one first; findings/*.parquet has every finding.",
    ),
    exit(
        "11",
        "Conditional, only with `run --conditional`: all gates pass, but the go rests on an allowance or on a stale checkpoint, a \
         group would do records twice, or the target does not tell whether groups have live members. `reasons` begins with \
         which of them.",
        "Read which allowance was used, how many records each group replays and whose checkpoint is stale, and see that the \
         groups are stopped on the target; go if the consumers can bear it.",
    ),
    exit(
        "12",
        "Inconclusive: nothing speaks against the cutover, but not everything could be proven.",
        "Read `reasons`, remove the first one and run again. Do not take it for a match.",
    ),
    exit(
        "130",
        "Stopped by SIGINT (Ctrl-C). The run directory holds what was known; run.json says `partial`.",
        "For a verdict, go on with `run --resume RUN_DIR`, or run again.",
    ),
    exit(
        "143",
        "Stopped by SIGTERM. The run directory holds what was known; run.json says `partial`.",
        "For a verdict, go on with `run --resume RUN_DIR`, or run again; a scheduler that stops runs should allow more time.",
    ),
];
