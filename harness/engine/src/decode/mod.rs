//! Turns bytes into meaning, through each side's own schema registry: explains why bytes differ, says whether a payload
//! can be read, and whether equal bytes mean the same on both sides. Judges no record: bytes decide, decoding explains.

mod avro;
#[cfg(test)]
mod double;
mod framing;
mod json;
mod outcome;
mod paths;
mod registry;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Runtime;

#[doc(hidden)] // for fuzzers
pub use self::avro::read_twice as read_avro_twice;
pub use self::framing::{Framed, FramingError, SchemaRef, Slot, parse as parse_framing};
pub use self::outcome::{Check, Explanation, JsonComparison, SchemaAgreement};
pub use self::registry::DecodeError;
pub use self::settings::{RegistryAuth, RegistrySettings};

use self::json::Spelling;
use self::paths::Paths;
use self::registry::{Failure, Patience, Registry, Schema, SchemaKind};
use crate::record::{Header, Side};

/// One side's key or value with the record's headers.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Topic name on that side; named in sentences.
    pub topic: &'a str,
    /// The bytes; a null is not decoded.
    pub bytes: &'a [u8],
    /// All headers of the record, in order.
    pub headers: &'a [Header],
}

/// Pairs of schemas whose comparison is remembered; beyond, all are forgotten at once.
const MOST_PAIRS: usize = 10_000;

/// Where two schemas mean different things; an error where that cannot be told.
type Compared = Result<Arc<[String]>, String>;

/// Decodes payloads of both sides, each through its own registry. Blocks; used from one thread at a time. Remembers
/// schemas, so that only the first record of a schema asks a registry, and what two of them differ in. A registry that is
/// down never gives a match, and is left alone for some seconds, so that many mismatches do not each wait for it.
pub struct Decoder {
    registries: [Option<Registry>; 2],
    compared: HashMap<(SchemaRef, SchemaRef), Compared>,
    /// `None` only while being dropped.
    runtime: Option<Runtime>,
}

impl Decoder {
    /// A decoder for the two registries; `None` where a side has none. Opens no connection yet.
    pub fn new(
        source: Option<RegistrySettings>,
        target: Option<RegistrySettings>,
    ) -> Result<Self, DecodeError> {
        Self::with_patience(source, target, Patience::default())
    }

    fn with_patience(
        source: Option<RegistrySettings>,
        target: Option<RegistrySettings>,
        patience: Patience,
    ) -> Result<Self, DecodeError> {
        let open = |side, settings: Option<RegistrySettings>| {
            settings.map(|settings| Registry::new(side, &settings, patience)).transpose()
        };
        let registries = [open(Side::Source, source)?, open(Side::Target, target)?];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| DecodeError::Client { side: Side::Source, why: e.to_string() })?;
        Ok(Self { registries, compared: HashMap::new(), runtime: Some(runtime) })
    }

    /// Why two values with different bytes differ.
    pub fn explain_value(&mut self, source: Payload<'_>, target: Payload<'_>) -> Explanation {
        self.explain(Slot::Value, source, target)
    }

    /// Why two keys with different bytes differ.
    pub fn explain_key(&mut self, source: Payload<'_>, target: Payload<'_>) -> Explanation {
        self.explain(Slot::Key, source, target)
    }

    /// Why two payloads with different bytes differ.
    pub fn explain(&mut self, slot: Slot, source: Payload<'_>, target: Payload<'_>) -> Explanation {
        let framings = [(Side::Source, source), (Side::Target, target)].map(|(side, payload)| {
            frame(slot, &payload)
                .map_err(|why| Explanation::Undecodable { side, why: within(slot, &payload, &why) })
        });
        let (a, b) = match framings {
            [Err(broken), _] | [_, Err(broken)] => return broken,
            [Ok(Some(a)), Ok(Some(b))] => (a, b),
            [Ok(a), Ok(b)] => {
                let framed = match (a, b) {
                    (Some(_), None) => Some(Side::Source),
                    (None, Some(_)) => Some(Side::Target),
                    _ => None,
                };
                return not_framed(framed, source.bytes, target.bytes);
            }
        };
        let read_source = self.read(Side::Source, slot, &source, &a);
        let read_target = self.read(Side::Target, slot, &target, &b);
        match (read_source, read_target) {
            (Ok(x), Ok(y)) => {
                let schemas = self.compare_schemas((a.schema, b.schema), &x.schema, &y.schema);
                compare((&a, x), (&b, y), schemas)
            }
            (Err(Unread::Broken(why)), Err(Unread::Broken(also))) => Explanation::Undecodable {
                side: Side::Source,
                why: format!("{why}; nor is it readable on the target: {also}"),
            },
            (Err(Unread::Broken(why)), _) => Explanation::Undecodable { side: Side::Source, why },
            (_, Err(Unread::Broken(why))) => Explanation::Undecodable { side: Side::Target, why },
            (Err(Unread::Unanswered(why)), Err(Unread::Unanswered(also))) => {
                Explanation::Unanswered { why: format!("{why}; {also}") }
            }
            (Err(Unread::Unanswered(why)), Ok(read)) | (Ok(read), Err(Unread::Unanswered(why)))
                if !read.stays_bytes() || same_bytes(&a, &b) =>
            {
                Explanation::Unanswered { why }
            }
            (Err(Unread::Unknown(why) | Unread::Unanswered(why)), _)
            | (_, Err(Unread::Unknown(why) | Unread::Unanswered(why))) => {
                let hint = match a.body == b.body && a.schema != b.schema {
                    true => format!(" (the bytes differ only in the schema: {} / {})", a.schema, b.schema),
                    false => String::new(),
                };
                Explanation::Unavailable { why: format!("{why}{hint}") }
            }
        }
    }

    /// Whether one payload can be read through the registry of its side, from its first byte to its last. A key too short
    /// for a framing counts as not framed (integer keys are common); a value counts as undecodable. For JSON: that it is
    /// JSON, not that it obeys its schema.
    pub fn check(&mut self, side: Side, slot: Slot, payload: Payload<'_>) -> Check {
        let framed = match frame(slot, &payload) {
            Ok(Some(framed)) => framed,
            Ok(None) => return Check::NotFramed,
            Err(why) => return Check::Undecodable { why: within(slot, &payload, &why) },
        };
        let schema = match self.schema(side, framed.schema) {
            Ok(schema) => schema,
            Err(Failure::Missing(why)) => {
                return Check::Undecodable { why: within(slot, &payload, &why) };
            }
            Err(Failure::Unanswered(why) | Failure::Unavailable(why)) => return Check::Unavailable { why },
        };
        let outcome = match &schema.kind {
            SchemaKind::Avro(avro) => avro.check(framed.body).map_err(Unread::from),
            SchemaKind::Json => json::parse(framed.body).map(|_| ()).map_err(Unread::from),
            other => Err(Unread::Unknown(not_decoded(other))),
        };
        match outcome {
            Ok(()) => Check::Decodable,
            Err(Unread::Broken(why)) => Check::Undecodable { why: within(slot, &payload, &why) },
            Err(Unread::Unknown(why) | Unread::Unanswered(why)) => {
                Check::Unavailable { why: within(slot, &payload, &why) }
            }
        }
    }

    /// Whether the same bytes mean the same on both sides. `source` and `target` hold equal payloads; their headers may
    /// differ. Decisions are remembered by the pair of ids: for the second record of a pair this is a look-up.
    pub fn schemas_agree(&mut self, slot: Slot, source: Payload<'_>, target: Payload<'_>) -> SchemaAgreement {
        let mut ids = [None; 2];
        for (side, payload) in [(Side::Source, source), (Side::Target, target)] {
            match frame(slot, &payload) {
                Ok(framed) => ids[side as usize] = framed.map(|framed| framed.schema),
                Err(why) => {
                    return SchemaAgreement::Undecodable { side, why: within(slot, &payload, &why) };
                }
            }
        }
        let (a, b) = match ids {
            [Some(a), Some(b)] => (a, b),
            [None, None] => return SchemaAgreement::NotFramed,
            [source, _] => {
                let side = if source.is_some() { Side::Source } else { Side::Target };
                return SchemaAgreement::Differs {
                    paths: Arc::new([format!("only the {side} names a schema")]),
                };
            }
        };
        if let Some(known) = self.compared.get(&(a, b)) {
            return agreement(known.clone());
        }
        let (x, y) = match (self.schema(Side::Source, a), self.schema(Side::Target, b)) {
            (Ok(x), Ok(y)) => (x, y),
            (Err(Failure::Missing(why)), _) => {
                return SchemaAgreement::Undecodable { side: Side::Source, why: within(slot, &source, &why) };
            }
            (_, Err(Failure::Missing(why))) => {
                return SchemaAgreement::Undecodable { side: Side::Target, why: within(slot, &target, &why) };
            }
            (Err(Failure::Unanswered(why) | Failure::Unavailable(why)), _)
            | (_, Err(Failure::Unanswered(why) | Failure::Unavailable(why))) => {
                return SchemaAgreement::Unavailable { why };
            }
        };
        agreement(self.compare_schemas((a, b), &x, &y))
    }

    /// Where two schemas mean different things, remembered by the pair.
    fn compare_schemas(
        &mut self,
        pair: (SchemaRef, SchemaRef),
        source: &Schema,
        target: &Schema,
    ) -> Compared {
        if let Some(known) = self.compared.get(&pair) {
            return known.clone();
        }
        let compared: Compared = schema_differences(source, target).map(Arc::from);
        if self.compared.len() >= MOST_PAIRS {
            self.compared.clear();
        }
        self.compared.insert(pair, compared.clone());
        compared
    }

    fn schema(&mut self, side: Side, id: SchemaRef) -> Result<Arc<Schema>, Failure> {
        let Some(registry) = &mut self.registries[side as usize] else {
            return Err(Failure::Unavailable(format!("no schema registry is configured for the {side}")));
        };
        if let Some(schema) = registry.remembered(id) {
            return Ok(schema.clone());
        }
        let runtime = self.runtime.as_ref().expect("it lives as long as the decoder");
        block_on(runtime, registry.schema(id))
    }

    fn read<'a>(
        &mut self,
        side: Side,
        slot: Slot,
        payload: &Payload<'_>,
        framed: &Framed<'a>,
    ) -> Result<Read<'a>, Unread> {
        let schema = self.schema(side, framed.schema).map_err(|failure| match failure {
            Failure::Missing(why) => Unread::Broken(within(slot, payload, &why)),
            Failure::Unanswered(why) => Unread::Unanswered(why),
            Failure::Unavailable(why) => Unread::Unknown(why),
        })?;
        let meaning = match &schema.kind {
            SchemaKind::Avro(avro) => avro.read(framed.body).map(Meaning::Avro).map_err(Unread::from),
            SchemaKind::Json => json::parse(framed.body).map(Meaning::Json).map_err(Unread::from),
            _ => Ok(Meaning::Bytes),
        };
        match meaning {
            Ok(meaning) => Ok(Read { schema, meaning }),
            Err(Unread::Broken(why)) => Err(Unread::Broken(within(slot, payload, &why))),
            Err(Unread::Unknown(why)) => Err(Unread::Unknown(within(slot, payload, &why))),
            // It names the registry.
            Err(unanswered @ Unread::Unanswered(_)) => Err(unanswered),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // A runtime that is dropped inside another one would panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Blocks, also where the calling thread already drives another runtime.
fn block_on<T: Send>(runtime: &Runtime, work: impl Future<Output = T> + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return runtime.block_on(work);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(work)).join().expect("a request does not panic")
    })
}

/// A payload with its schema.
struct Read<'a> {
    schema: Arc<Schema>,
    meaning: Meaning<'a>,
}

impl Read<'_> {
    /// Whether it is of a kind that is not decoded here: other bytes are other bytes, whatever the other registry says.
    fn stays_bytes(&self) -> bool {
        matches!(self.meaning, Meaning::Bytes)
    }
}

enum Meaning<'a> {
    Avro(apache_avro::types::Value),
    Json(json::Json<'a>),
    /// Of a kind that is not decoded here.
    Bytes,
}

/// Why a payload has no meaning here.
enum Unread {
    /// It is not what its schema says, or its schema is nowhere.
    Broken(String),
    /// Could not be found out.
    Unknown(String),
    /// Its registry has not answered.
    Unanswered(String),
}

impl From<avro::Fault> for Unread {
    fn from(fault: avro::Fault) -> Self {
        match fault {
            avro::Fault::Broken(why) => Self::Broken(why),
            avro::Fault::Beyond(why) => Self::Unknown(why),
        }
    }
}

impl From<json::NotJson> for Unread {
    fn from(json::NotJson { at, beyond }: json::NotJson) -> Self {
        match beyond {
            true => Self::Unknown(format!(
                "its schema is JSON, and what begins at byte {at} is nested too deep to be read here, or no Unicode text"
            )),
            false => Self::Broken(format!("its schema is JSON, and at byte {at} it is not")),
        }
    }
}

fn not_decoded(kind: &SchemaKind) -> String {
    format!("payloads of schema type {kind} are not decoded; their schema is in the registry")
}

/// Whether two payloads are equal but for their schema.
fn same_bytes(a: &Framed<'_>, b: &Framed<'_>) -> bool {
    (a.header_rest, a.body) == (b.header_rest, b.body)
}

/// The framing, with the rule that a key too short for one has none.
fn frame<'a>(slot: Slot, payload: &Payload<'a>) -> Result<Option<Framed<'a>>, String> {
    match framing::parse(slot, payload.bytes, payload.headers) {
        Err(FramingError::TooShort { .. }) if slot == Slot::Key => Ok(None),
        framed => framed.map_err(|e| e.to_string()),
    }
}

fn within(slot: Slot, payload: &Payload<'_>, why: &str) -> String {
    format!("{} of {}: {why}", slot.as_str(), payload.topic)
}

fn agreement(schemas: Compared) -> SchemaAgreement {
    match schemas {
        Ok(paths) if paths.is_empty() => SchemaAgreement::Same,
        Ok(paths) => SchemaAgreement::Differs { paths },
        Err(why) => SchemaAgreement::Unavailable { why },
    }
}

fn compare(
    (a, x): (&Framed<'_>, Read<'_>),
    (b, y): (&Framed<'_>, Read<'_>),
    schemas: Compared,
) -> Explanation {
    let mut paths = match schemas {
        Ok(paths) => paths.to_vec(),
        Err(why) => return Explanation::Unavailable { why },
    };
    let mut spelling = Spelling::default();
    let of_values = match (&x.schema.kind, &x.meaning, &y.schema.kind, &y.meaning) {
        (SchemaKind::Avro(of_x), Meaning::Avro(v), SchemaKind::Avro(of_y), Meaning::Avro(w)) => {
            let of_values = avro::differences((of_x, v), (of_y, w));
            let equal = paths.is_empty() && of_values.is_empty();
            let repeats = || of_x.repeats_a_key(a.body) || of_y.repeats_a_key(b.body);
            if equal && a.body != b.body && repeats() {
                let why = "a map in it holds a key twice, and readers disagree about which value counts";
                return Explanation::Unavailable { why: why.to_owned() };
            }
            of_values
        }
        (_, Meaning::Json(v), _, Meaning::Json(w)) => {
            let mut of_values = Paths::new();
            json::compare(v, w, &mut of_values, &mut spelling);
            of_values.into_list()
        }
        (kind, ..) if paths.is_empty() && !same_bytes(a, b) => {
            return Explanation::Unavailable { why: not_decoded(kind) };
        }
        _ => Vec::new(),
    };
    for path in of_values {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    if !paths.is_empty() {
        return Explanation::Differs { paths };
    }
    let ids = format!("{} on the source, {} on the target: the same schema", a.schema, b.schema);
    let note = match (a.body == b.body, &x.meaning) {
        (true, _) => format!("{ids}, and the same encoded value"),
        (false, Meaning::Json(_)) => format!("{ids}; {}", spelling.note()),
        (false, _) => {
            format!("{ids}; equal values encoded differently (order or blocks of entries, padded numbers)")
        }
    };
    Explanation::EqualMeaning { note }
}

/// Where two schemas mean different things; an error where that cannot be told.
fn schema_differences(source: &Schema, target: &Schema) -> Result<Vec<String>, String> {
    if source.kind.to_string() != target.kind.to_string() {
        return Ok(vec![format!("schema type ({} / {})", source.kind, target.kind)]);
    }
    if source.text == target.text && source.references == target.references {
        return Ok(Vec::new());
    }
    match (&source.kind, &target.kind) {
        (SchemaKind::Avro(a), SchemaKind::Avro(b)) => avro::schema_differences(a, b)
            .map_err(|why| format!("two Avro schemas cannot be compared: {why}")),
        (SchemaKind::Json, SchemaKind::Json) => {
            let same_references = source.references.len() == target.references.len()
                && source.references.iter().zip(&target.references).all(|(a, b)| {
                    a.0 == b.0 && json_differences(&a.1, &b.1).is_some_and(|paths| paths.is_empty())
                });
            let mut paths = json_differences(&source.text, &target.text)
                .ok_or_else(|| "a JSON schema in a registry is not JSON".to_owned())?;
            if !same_references {
                paths.push("schemas that it refers to".to_owned());
            }
            Ok(paths.into_iter().map(|path| format!("schema: {path}")).collect())
        }
        (kind, _) => {
            Err(format!("the texts of two {kind} schemas differ, which may or may not change their meaning"))
        }
    }
}

fn json_differences(source: &str, target: &str) -> Option<Vec<String>> {
    let (a, b) = (json::parse(source.as_bytes()).ok()?, json::parse(target.as_bytes()).ok()?);
    let mut paths = Paths::new();
    json::compare(&a, &b, &mut paths, &mut Spelling::default());
    Some(paths.into_list())
}

fn not_framed(framed: Option<Side>, source: &[u8], target: &[u8]) -> Explanation {
    let first_difference = source
        .iter()
        .zip(target)
        .position(|(a, b)| a != b)
        .or_else(|| (source.len() != target.len()).then_some(source.len().min(target.len())));
    let json = match (framed, json::parse(source), json::parse(target)) {
        (None, Ok(a), Ok(b)) => {
            let (mut paths, mut spelling) = (Paths::new(), Spelling::default());
            json::compare(&a, &b, &mut paths, &mut spelling);
            Some(match paths.is_empty() {
                true => JsonComparison::EqualMeaning { note: spelling.note() },
                false => JsonComparison::Differs { paths: paths.into_list() },
            })
        }
        _ => None,
    };
    Explanation::NotFramed {
        framed,
        source_bytes: source.len(),
        target_bytes: target.len(),
        first_difference,
        json,
    }
}
