//! What decoding can say about one record. Every text names schemas, ids, sizes and paths; none holds a payload's value.

use std::fmt;
use std::sync::Arc;

use crate::record::Side;

/// Why the bytes of two payloads differ. The byte comparison has judged already; this explains, or says that nobody can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// Other bytes, same meaning: schema id remapped, map entries in another order, and the like.
    EqualMeaning {
        /// A sentence for people.
        note: String,
    },
    /// The meaning differs at these paths, e.g. `order.lines[2].price`; the last entry may be `... and k more`.
    /// Differences of the schemas themselves are in the list too, with their reason in brackets.
    Differs {
        /// Paths, in the order of the source's value.
        paths: Vec<String>,
    },
    /// One side's payload cannot be read through that side's registry.
    Undecodable {
        /// Which side.
        side: Side,
        /// A sentence for people.
        why: String,
    },
    /// Could not be found out: no registry, a kind of schema that is not decoded. The verdict of the bytes stands.
    Unavailable {
        /// A sentence for people.
        why: String,
    },
    /// A registry has not answered, and by what it would have said the two may be equal in meaning: nobody can tell.
    Unanswered {
        /// A sentence for people; names the registry.
        why: String,
    },
    /// At least one payload has no registry framing.
    NotFramed {
        /// The side whose payload *is* framed, if one is.
        framed: Option<Side>,
        /// Length of the source's payload.
        source_bytes: usize,
        /// Length of the target's payload.
        target_bytes: usize,
        /// Offset of the first byte that differs; the shorter length where one is a prefix of the other; `None`
        /// where the bytes are equal.
        first_difference: Option<usize>,
        /// The comparison as JSON, where both payloads are JSON.
        json: Option<JsonComparison>,
    },
}

/// Two payloads without framing that are both JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonComparison {
    /// The same value, spelled in another way.
    EqualMeaning {
        /// What is spelled in another way.
        note: String,
    },
    /// Other values at these paths.
    Differs {
        /// Paths; the last entry may be `... and k more`.
        paths: Vec<String>,
    },
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EqualMeaning { note } => f.write_str(note),
            Self::Differs { paths } => write!(f, "differs at {}", paths.join(", ")),
            Self::Undecodable { side, why } => write!(f, "undecodable on the {side}: {why}"),
            Self::Unavailable { why } | Self::Unanswered { why } => write!(f, "not decoded: {why}"),
            Self::NotFramed { framed, source_bytes, target_bytes, first_difference, json } => {
                if let Some(side) = framed {
                    write!(f, "only the {side} names a schema; ")?;
                }
                write!(f, "{source_bytes} bytes on the source, {target_bytes} on the target")?;
                if let Some(at) = first_difference {
                    write!(f, ", first difference at byte {at}")?;
                }
                match json {
                    Some(JsonComparison::EqualMeaning { note }) => write!(f, "; {note}"),
                    Some(JsonComparison::Differs { paths }) => {
                        write!(f, "; as JSON it differs at {}", paths.join(", "))
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// Whether one payload can be read through its side's registry (`decode: all`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Yes, from its first byte to its last.
    Decodable,
    /// No.
    Undecodable {
        /// A sentence for people.
        why: String,
    },
    /// It names no schema.
    NotFramed,
    /// Could not be found out.
    Unavailable {
        /// A sentence for people.
        why: String,
    },
}

/// Whether equal bytes mean the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaAgreement {
    /// The two registries give schemas of the same meaning.
    Same,
    /// They do not: the target would read another meaning. Part `schema`.
    Differs {
        /// Where the schemas differ; the last entry may be `... and k more`.
        paths: Arc<[String]>,
    },
    /// One registry does not know the schema, or the framing is broken.
    Undecodable {
        /// Which side.
        side: Side,
        /// A sentence for people.
        why: String,
    },
    /// The payload names no schema.
    NotFramed,
    /// Could not be found out.
    Unavailable {
        /// A sentence for people.
        why: String,
    },
}
