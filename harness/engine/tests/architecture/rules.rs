//! The rules of the house as data: who stands left of whom, and which outside crate belongs to which room. Checks nothing.

/// The rooms of the engine, left to right. A room may use itself and the rooms to its left.
pub const ROOMS: [&str; 17] = [
    "record",
    "cancel",
    "monitor",
    "config",
    "kafka",
    "inventory",
    "positions",
    "consume",
    "decode",
    "fingerprint",
    "align",
    "compare",
    "classify",
    "ledger",
    "gates",
    "run",
    "watch",
];

/// Records in, judgements out: no broker, no clock, no file. They use only one another and [`PLAIN`].
pub const SANS_IO: [&str; 5] = ["align", "compare", "classify", "ledger", "gates"];

/// What the rooms of [`SANS_IO`] may use beside one another.
pub const PLAIN: [&str; 4] = ["record", "cancel", "monitor", "fingerprint"];

/// Arrows that point right all the same: the room, the prefix that it may name, and why.
pub const SIDEWAYS: [(&str, &[&str], &str); 2] = [
    ("config", &["kafka", "properties"], "a pure parser of client properties, which knows both dialects"),
    ("config", &["fingerprint", "digest_hex"], "the digest of the configuration's text"),
];

/// Outside crates with an owner: they are named nowhere else. `run` and `watch` own what they are listed for, no more.
pub const OWNED: [(&str, &[&str]); 13] = [
    ("apache_avro", &["decode"]),
    ("arrow", &[]),
    ("blake3", &["fingerprint"]),
    ("memmap2", &["run"]),
    ("parquet", &[]),
    ("postcard", &["run"]),
    ("prost_reflect", &["decode"]),
    ("rdkafka", &["kafka", "consume"]),
    ("reqwest", &["inventory", "decode"]),
    ("schema_registry_converter", &["decode"]),
    ("serde_saphyr", &["config"]),
    ("tokio", &["decode", "run", "watch"]),
    ("xxhash_rust", &["fingerprint"]),
];

/// Outside crates that any room may use, but for [`SANS_IO`] and the nouns (`record`, `cancel`, `monitor`).
pub const COMMON: [&str; 12] = [
    "csv",
    "libc",
    "regex",
    "secrecy",
    "serde",
    "serde_json",
    "strsim",
    "tempfile",
    "thiserror",
    "time",
    "tracing",
    "uuid",
];

/// Outside crates that every room may use.
pub const EVERYWHERE: [&str; 4] = ["std", "core", "alloc", "cutproof_reports"];

/// Besides [`EVERYWHERE`], all that [`SANS_IO`] may use from outside.
pub const SANS_IO_OUTSIDE: [&str; 1] = ["thiserror"];

/// Parts of `std` that reach the world; closed to [`SANS_IO`].
pub const WORLD: [&[&str]; 8] = [
    &["std", "env"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "time", "*"],
];

/// Arrows between our packages: who may depend on whom.
pub const PACKAGES: [(&str, &[&str]); 6] = [
    ("cutproof-reports", &[]),
    ("cutproof-fixtures", &["cutproof-reports"]),
    ("cutproof", &["cutproof-reports"]),
    ("cutproof-testcontainers", &[]),
    ("cutproof-scenarios", &["cutproof", "cutproof-fixtures", "cutproof-testcontainers", "cutproof-reports"]),
    (
        "cutproof-cli",
        &[
            "cutproof",
            "cutproof-fixtures",
            "cutproof-testcontainers",
            "cutproof-scenarios",
            "cutproof-reports",
        ],
    ),
];

/// Arrows that only tests may add.
pub const PACKAGES_IN_TESTS: [(&str, &[&str]); 1] =
    [("cutproof", &["cutproof-fixtures", "cutproof-testcontainers"])];

/// Outside packages that only some of ours may depend on.
pub const PACKAGE_OWNED: [(&str, &[&str]); 7] = [
    ("arrow", &["cutproof-reports"]),
    ("parquet", &["cutproof-reports"]),
    ("blake3", &["cutproof", "cutproof-reports"]),
    ("postcard", &["cutproof"]),
    ("rdkafka", &["cutproof", "cutproof-testcontainers", "cutproof-cli"]),
    ("serde-saphyr", &["cutproof"]),
    ("tokio", &["cutproof"]),
];
