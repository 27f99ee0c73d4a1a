//! Turns alignment's outcomes into findings within the scope of the run, and says what they mean for each group.
//! Reads nothing; decides no verdict.

mod groups;
mod scope;

pub use groups::{Copies, Resume, judge_resume};
pub use scope::{Judgement, Misplacement, PairReading, Standing, find_misplaced, judge};

#[cfg(test)]
mod tests;
