//! After the cutover: the way back to the source, and how the groups get on on the target, held against a finished run.
//! Only reads; proves nothing about the compared records again.

mod commits;
mod evidence;
mod headroom;
mod look;
mod marks;
mod movement;
mod progress;
mod retention;
mod rollback;
mod since;
mod tail;
mod way_back;

pub use commits::Commits;
pub use evidence::FinishedRun;
pub use headroom::{Headroom, Limit};
pub use movement::Movement;
pub use progress::{GroupProgress, PositionProgress, Progress, commits_now, progress};
pub use rollback::{Answer, GroupWayBack, PairSince, PositionWayBack, Rollback, rollback};
pub use tail::{Place, Span};
pub use way_back::WayBack;
