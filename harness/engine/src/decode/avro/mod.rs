//! Avro: a strict walk over a datum, and the comparison of two data by meaning. Two decoders must agree before a value
//! is believed: the walk here, which accounts for every byte, and the Avro library, which gives the values. Where a map
//! holds a key twice the library keeps the last value, as most readers do; not all do, so that other bytes are not said
//! to be equal in meaning then.

#[cfg(test)]
mod properties;
mod schemas;
mod shape;
mod values;
mod walk;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;

use self::shape::{Kind, Primitive};
use self::values::Typed;
use super::paths::Paths;

pub(super) use self::shape::{Shape, ShapeError};
pub(super) use self::walk::Fault;

/// A schema that data can be read with.
#[derive(Debug)]
pub(super) struct AvroSchema {
    shape: Shape,
    /// The same layout for the library; `None` if it refuses it.
    library: Option<apache_avro::Schema>,
}

impl AvroSchema {
    /// Reads a schema; `references` are the schemas that it names, dependencies first.
    pub(super) fn parse(text: &str, references: &[String]) -> Result<Self, ShapeError> {
        let shape = Shape::parse(text, references)?;
        let library = apache_avro::Schema::parse(&shape.plain_layout()?).ok();
        Ok(Self { shape, library })
    }

    /// Whether the whole of `body` is one datum of this schema.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), Fault> {
        if self.is_raw_bytes() {
            return Ok(());
        }
        walk::walk(&self.shape, body)
    }

    /// Whether a map anywhere in `body`, which can be read, holds a key twice: readers disagree about which value counts.
    pub(super) fn repeats_a_key(&self, body: &[u8]) -> bool {
        !self.is_raw_bytes() && walk::repeats_a_key(&self.shape, body)
    }

    /// Confluent's serializer writes a value of the schema `bytes` as it is, without a length, and its deserializer takes
    /// whatever follows the id. Others write the length. So every body is readable, and only equal bytes are equal.
    fn is_raw_bytes(&self) -> bool {
        matches!(self.shape.of(self.shape.root).kind, Kind::Primitive(Primitive::Bytes))
    }

    /// The datum in `body`, which must be the whole of it.
    pub(super) fn read(&self, body: &[u8]) -> Result<Value, Fault> {
        if self.is_raw_bytes() {
            return Ok(Value::Bytes(body.to_vec()));
        }
        self.check(body)?;
        let refused = || Fault::Beyond("the Avro library refuses its schema".to_owned());
        let doubt = || Fault::Beyond("two Avro decoders disagree about this payload".to_owned());
        let library = self.library.as_ref().ok_or_else(refused)?;
        let mut left = body;
        let reader = GenericDatumReader::builder(library).build().map_err(|_| doubt())?;
        let value = reader.read_value(&mut left).map_err(|_| doubt())?;
        if left.is_empty() { Ok(value) } else { Err(doubt()) }
    }
}

/// Where the schemas mean different things; empty if nowhere.
pub(super) fn schema_differences(
    source: &AvroSchema,
    target: &AvroSchema,
) -> Result<Vec<String>, ShapeError> {
    let mut paths = Paths::new();
    schemas::compare(&source.shape, &target.shape, &mut paths)?;
    Ok(paths.into_list())
}

/// Where two values differ beside what their schemas differ in; empty if nowhere.
pub(super) fn differences(source: (&AvroSchema, &Value), target: (&AvroSchema, &Value)) -> Vec<String> {
    let mut paths = Paths::new();
    let a = Typed { shape: &source.0.shape, of: source.0.shape.root, value: source.1 };
    let b = Typed { shape: &target.0.shape, of: target.0.shape.root, value: target.1 };
    values::compare(a, b, &mut paths);
    paths.into_list()
}

/// For fuzzers: whether `body` is one datum of the schema in `text`, by the walk and by the library.
///
/// # Panics
/// Where the library is asked about what the walk refuses, or a value or a schema differs from itself.
#[doc(hidden)]
pub fn read_twice(text: &str, body: &[u8]) -> bool {
    let Ok(schema) = AvroSchema::parse(text, &[]) else { return false };
    assert_eq!(schema_differences(&schema, &schema), Ok(Vec::new()), "a schema differs from itself");
    let (checked, read) = (schema.check(body), schema.read(body));
    if let Err(fault) = checked {
        assert_eq!(read.err(), Some(fault), "what the walk refuses has no value");
        return false;
    }
    let Ok(value) = read else { return false };
    assert!(differences((&schema, &value), (&schema, &value)).is_empty(), "a value differs from itself");
    true
}
