//! What a proof must say: exit code, verdict, every finding, the groups' positions, sums. Compares nothing.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use cutproof_reports::{FindingKind, OrderBroken, Part, PositionState, Scorecard, Verdict};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::At;
use super::schema::{finding_kind, order, parts, position_state, scorecard, verdict};

/// All that the proof must say. Either `error`, or `findings` with the verdict or exit code.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What `cutproof run` ends with.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// match, divergent or inconclusive.
    #[serde(default)]
    #[schemars(schema_with = "verdict")]
    pub verdict: Option<Verdict>,
    /// Every finding; what is found and not named here fails the scenario. `[]` for none.
    #[serde(default)]
    pub findings: Option<Vec<FindingItem>>,
    /// Positions of groups; each entry must hold for at least one.
    #[serde(default)]
    pub groups: Vec<GroupExpect>,
    /// Sums over all pairs. A proof that matched no record fails the scenario unless `matched: 0` stands here.
    #[serde(default)]
    pub totals: TotalsExpect,
    /// Each must be part of one of the run's reasons.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// For a proof that refuses to run: part of the error's text.
    #[serde(default)]
    pub error: Option<String>,
}

/// Findings: described, or derived by the player.
#[derive(Clone, Debug)]
pub enum FindingItem {
    /// Derived.
    Word(FoundWord),
    /// Described.
    One(Box<FindingExpect>),
}

/// Findings that the player derives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundWord {
    /// Those that follow from the copier's defects and filter.
    Planted,
    /// Missing, extraneous and duplicate records by the player's own full read of both sides; for workloads without
    /// repeats, and `proof: {range: {start: earliest}}`.
    FullRead,
}

/// Findings alike: all that is said must hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingExpect {
    /// Kind.
    #[schemars(schema_with = "finding_kind")]
    pub kind: FindingKind,
    /// How many: a number (1) or `at least 3`.
    #[serde(default)]
    pub count: Count,
    /// The source record, or the one that a duplicate copies.
    #[serde(default)]
    pub source: Option<At>,
    /// The target record.
    #[serde(default)]
    pub target: Option<At>,
    /// The parts that differ, all of them.
    #[serde(default)]
    #[schemars(schema_with = "parts")]
    pub parts: Option<Vec<Part>>,
    /// Cause.
    #[serde(default)]
    pub cause: Option<String>,
    /// Which order broke.
    #[serde(default)]
    #[schemars(schema_with = "order")]
    pub order_broken: Option<OrderBroken>,
    /// Part of the detail.
    #[serde(default)]
    pub detail: Option<String>,
}

impl FindingExpect {
    /// Of a kind, with nothing else said.
    pub fn of(kind: FindingKind) -> Self {
        Self {
            kind,
            count: Count::default(),
            source: None,
            target: None,
            parts: None,
            cause: None,
            order_broken: None,
            detail: None,
        }
    }
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Exactly.
    Exactly(u64),
    /// Where timing decides.
    AtLeast(u64),
}

impl Default for Count {
    fn default() -> Self {
        Self::Exactly(1)
    }
}

impl Count {
    /// Whether a number fits.
    pub fn holds(self, number: u64) -> bool {
        match self {
            Self::Exactly(count) => number == count,
            Self::AtLeast(count) => number >= count,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(count) => write!(f, "{count}"),
            Self::AtLeast(count) => write!(f, "at least {count}"),
        }
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (make, number): (fn(u64) -> Self, &str) = match text.strip_prefix("at least") {
            Some(rest) => (Self::AtLeast, rest.trim()),
            None => (Self::Exactly, text),
        };
        number.parse().map(make).map_err(|_| format!("`{text}` is no count; write e.g. 3 or `at least 3`"))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Count {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0, "pattern": "^(at least )?[0-9]+$" })
    }
}

impl<'de> Deserialize<'de> for FindingItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = FindingItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("planted, full_read or a mapping such as { kind: missing_record, source: orders-0@12 }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<FindingItem, E> {
        match word {
            "planted" => Ok(FindingItem::Word(FoundWord::Planted)),
            "full_read" => Ok(FindingItem::Word(FoundWord::FullRead)),
            other => Err(E::unknown_variant(other, &["planted", "full_read", "{ kind: missing_record }"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FindingItem, A::Error> {
        FindingExpect::deserialize(MapAccessDeserializer::new(map)).map(|one| FindingItem::One(Box::new(one)))
    }
}

impl JsonSchema for FindingItem {
    fn schema_name() -> Cow<'static, str> {
        "FindingItem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<FoundWord>();
        let one = generator.subschema_for::<FindingExpect>();
        json_schema!({ "anyOf": [word, one] })
    }
}

/// Positions of one group: all that is said must hold for each that `topic` and `partition` leave.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupExpect {
    /// Group.
    pub group: String,
    /// Source topic (each).
    #[serde(default)]
    pub topic: Option<String>,
    /// Source partition (each).
    #[serde(default)]
    pub partition: Option<i32>,
    /// judged, ahead_of_copy ...
    #[serde(default)]
    #[schemars(schema_with = "position_state")]
    pub state: Option<PositionState>,
    /// green, yellow or red: of the group.
    #[serde(default)]
    #[schemars(schema_with = "scorecard")]
    pub scorecard: Option<Scorecard>,
    /// Records that would never be processed.
    #[serde(default)]
    pub skip: Option<Count>,
    /// Records that would be processed again.
    #[serde(default)]
    pub replay: Option<Count>,
    /// Records ahead of the group without any copy.
    #[serde(default)]
    pub missing: Option<Count>,
    /// Where it would resume on the target.
    #[serde(default)]
    pub resume: Option<i64>,
    /// Where it should.
    #[serde(default)]
    pub image: Option<i64>,
}

/// Sums over all pairs; only those that are said are compared.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TotalsExpect {
    /// Source records in scope.
    pub source_records: Option<Count>,
    /// Target records in scope.
    pub target_records: Option<Count>,
    /// Equal pairs.
    pub matched: Option<Count>,
    /// Of them: other bytes, equal meaning.
    pub equal_meaning: Option<Count>,
    /// Not on the target yet.
    pub pending: Option<Count>,
    /// Could not be judged.
    pub unverifiable: Option<Count>,
    /// Explained by compaction.
    pub compacted: Option<Count>,
}

/// A row of the table of what is caught.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableRow {
    /// The failure, in a few words.
    pub failure: String,
    /// Whether the proof finds it.
    pub found: FoundAnswer,
    /// When not, or why not; for `yes` anything that a reader should know.
    #[serde(default)]
    pub why: Option<String>,
}

/// Whether a failure is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundAnswer {
    /// Always.
    Yes,
    /// It depends; `why` says on what.
    Sometimes,
    /// Never; `why` says why.
    No,
}

impl FoundAnswer {
    /// As in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "found",
            Self::Sometimes => "sometimes",
            Self::No => "not found",
        }
    }
}
