//! What is compared by key, or without any order, as its logs may be: still growing, larger than memory, not readable; and
//! a partition that is still growing. The binary against two embedded clusters.

mod causes;
mod decoding;
mod holes;
mod limits;
mod live;
mod logs;
#[path = "../support/mod.rs"]
mod support;
