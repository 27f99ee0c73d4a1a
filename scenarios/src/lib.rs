//! Failure-injection scenarios: their file format, the player that stages one and runs the proof on it, the judge of
//! what the proof said, and what is left for people and CI. Proves nothing itself: the engine does, as for any user.

pub mod error;
pub mod format;
pub mod judge;
pub mod junit;
pub mod player;
pub mod result;
pub mod staging;
pub mod table;
pub mod text;

pub use error::ScenarioError;
pub use format::{Loaded, Scenario, find, load, load_all, template};
pub use player::{Audience, Permission, PlayOptions, Player, playing_order};
pub use result::{Outcome, ScenarioResult, exit_code};
