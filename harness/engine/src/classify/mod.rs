//! Turns alignment's outcomes into findings within the scope of the run: what is a finding, what is pending, what cannot
//! be told. Reads nothing; counts nothing; decides no verdict.

mod compacted;
mod compacted_unit;
mod holes;
mod misplaced;
mod scope;
mod unit;

pub use compacted::{Cleaning, LogStarts, SLIDES, judge_compacted};
pub use compacted_unit::{UnitRules, judge_compacted_unit, withhold_taken};
pub use holes::HiddenGaps;
pub use misplaced::{Misplacement, Strays, find_misplaced};
pub use scope::{Classified, PairReading, Standing, classify, tail_standing};
pub use unit::{SourceReading, Taken, TargetReading, UnitReading, classify_unit, take_apart};

#[cfg(test)]
pub(crate) mod any_pair;
#[cfg(test)]
mod compacted_unit_tests;
#[cfg(test)]
mod holes_tests;
#[cfg(test)]
mod misplaced_tests;
#[cfg(test)]
mod scope_tests;
#[cfg(test)]
mod unit_tests;
#[cfg(test)]
mod unit_unread_tests;
