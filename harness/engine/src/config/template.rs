//! The commented file that `cutproof init` writes. It parses to the defaults; a test keeps it so.

/// A `cutproof.yaml` with every key at its default and a comment on each.
pub fn init_template() -> &'static str {
    include_str!("template.yaml")
}
