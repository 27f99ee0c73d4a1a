//! The bodies of the fuzz targets. The tests of the engine and of the scenarios run them on the corpus too.

#[path = "../../harness/engine/tests/judged/choices.rs"]
mod choices;
#[path = "../../harness/engine/tests/judged/items.rs"]
mod items;
#[path = "../../harness/engine/tests/judged/lanes.rs"]
mod lanes;
#[path = "../../harness/engine/tests/judged/pair.rs"]
mod pair;
pub mod scenario;
pub mod targets;
