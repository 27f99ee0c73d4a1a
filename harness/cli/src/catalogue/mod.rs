//! What every word of a result means and what to do about it, as data. Judges no run.

mod causes;
mod columns;
mod errors;
mod exits;
mod findings;
mod positions;
mod way_back;

/// One word. The same word may have several entries, of different kinds.
#[derive(Debug)]
pub struct Entry {
    /// What sort of word it is.
    pub kind: Kind,
    /// As it stands in reports, in `run.json` or in an error.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub next: &'static str,
}

/// Sorts of words, in the order in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `kind` of a finding.
    Finding,
    /// One of a finding's `parts`.
    Part,
    /// `cause` of a finding.
    Cause,
    /// A column of the ledger.
    Column,
    /// `state` of a group's position.
    PositionState,
    /// `way_back` of a group's position after a cutover.
    WayBack,
    /// `movement` of a group on the target.
    Movement,
    /// `scorecard` of a group.
    Scorecard,
    /// `verdict` of a run.
    Verdict,
    /// What the process ends with.
    ExitCode,
    /// Why there is no result.
    Error,
}

impl Kind {
    /// All sorts.
    pub const ALL: [Kind; 11] = [
        Self::Finding,
        Self::Part,
        Self::Cause,
        Self::Column,
        Self::PositionState,
        Self::WayBack,
        Self::Movement,
        Self::Scorecard,
        Self::Verdict,
        Self::ExitCode,
        Self::Error,
    ];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Part => "part of a mismatched record",
            Self::Cause => "cause of a finding",
            Self::Column => "column of the ledger",
            Self::PositionState => "state of a group's position",
            Self::WayBack => "way back of a group",
            Self::Movement => "movement of a group on the target",
            Self::Scorecard => "scorecard of a group",
            Self::Verdict => "verdict",
            Self::ExitCode => "exit code",
            Self::Error => "error",
        }
    }
}

fn all() -> impl Iterator<Item = &'static Entry> {
    [
        findings::ENTRIES,
        causes::ENTRIES,
        columns::ENTRIES,
        positions::ENTRIES,
        way_back::ENTRIES,
        exits::ENTRIES,
        errors::ENTRIES,
    ]
    .into_iter()
    .flatten()
}

/// The entries of one sort.
pub fn of_kind(kind: Kind) -> impl Iterator<Item = &'static Entry> {
    all().filter(move |entry| entry.kind == kind)
}

/// All entries of a word, whatever its case.
pub fn look_up(code: &str) -> Vec<&'static Entry> {
    all().filter(|entry| entry.code.eq_ignore_ascii_case(code)).collect()
}

/// The known word that looks most like this one. A word that begins like it comes first.
pub fn nearest(code: &str) -> &'static str {
    let typed = code.to_ascii_lowercase();
    let likeness = |entry: &&Entry| {
        let begins = typed.len() >= 3 && entry.code.starts_with(&typed);
        strsim::jaro_winkler(&typed, entry.code) + f64::from(u8::from(begins))
    };
    all().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map_or("match", |entry| entry.code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cutproof::watch::{Movement, WayBack};
    use cutproof_reports::{FindingKind, Part, PositionState, Scorecard, Verdict};

    use super::*;

    fn codes(kind: Kind) -> Vec<&'static str> {
        of_kind(kind).map(|entry| entry.code).collect()
    }

    #[test]
    fn every_word_that_a_run_can_write_has_exactly_one_entry() {
        assert_eq!(codes(Kind::Finding), FindingKind::ALL.map(FindingKind::as_str));
        assert_eq!(codes(Kind::Part), Part::ALL.map(Part::as_str));
        assert_eq!(codes(Kind::PositionState), PositionState::ALL.map(PositionState::as_str));
        assert_eq!(codes(Kind::WayBack), WayBack::ALL.map(WayBack::as_str));
        assert_eq!(codes(Kind::Movement), Movement::ALL.map(Movement::as_str));
        assert_eq!(codes(Kind::Scorecard), Scorecard::ALL.map(Scorecard::as_str));
        assert_eq!(codes(Kind::Verdict), Verdict::ALL.map(Verdict::as_str));
        assert_eq!(codes(Kind::ExitCode), ["0", "1", "2", "10", "11", "12", "130", "143"]);
    }

    #[test]
    fn no_kind_has_a_word_twice_and_no_entry_is_empty() {
        let mut seen = HashSet::new();
        for entry in all() {
            assert!(seen.insert((entry.kind.as_str(), entry.code)), "{} twice", entry.code);
            assert!(entry.meaning.len() > 20 && entry.meaning.ends_with('.'), "{}", entry.code);
            assert!(entry.next.len() > 10 && entry.next.ends_with('.'), "{}", entry.code);
        }
    }

    #[test]
    fn a_word_is_found_in_any_case_and_a_typo_names_the_nearest() {
        assert_eq!(look_up("Missing_Record").len(), 1);
        assert_eq!(look_up("timestamp_typ").len(), 0);
        for (typed, meant) in [
            ("missing", "missing_record"),
            ("timestamp_typ", "timestamp_type"),
            ("mismached_record", "mismatched_record"),
            ("beyond_taget_end", "beyond_target_end"),
            ("13", "130"),
        ] {
            assert_eq!(nearest(typed), meant);
        }
    }
}
