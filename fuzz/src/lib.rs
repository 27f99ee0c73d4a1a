//! The bodies of the fuzz targets. They live with the engine's tests, which run them on the corpus too.

#[path = "../../harness/engine/tests/judged/choices.rs"]
mod choices;
#[path = "../../harness/engine/tests/judged/lanes.rs"]
mod lanes;
#[path = "../../harness/engine/tests/judged/pair.rs"]
mod pair;
pub mod targets;
