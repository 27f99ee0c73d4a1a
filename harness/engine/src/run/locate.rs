//! Locates the start of a pair on the target by record identity, over real clusters.
