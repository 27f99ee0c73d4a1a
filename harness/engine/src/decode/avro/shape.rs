//! An Avro schema as a flat list of types that refer to each other by index, with all that changes what a reader
//! understands: also defaults, aliases and logical types, which the Parsing Canonical Form drops. Reads no datum.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};
use thiserror::Error;

/// Types within types: a schema that nests deeper is not read, nor is deeper data judged. Whatever goes from a type into
/// its parts would overflow its stack somewhere, and through references types nest deeper than any one text.
pub(super) const MAX_DEPTH: usize = 200;

/// A schema with its references resolved.
#[derive(Clone, Debug)]
pub(in crate::decode) struct Shape {
    pub(super) types: Vec<Type>,
    pub(super) root: usize,
}

/// One type.
#[derive(Clone, Debug)]
pub(super) struct Type {
    pub(super) kind: Kind,
    /// `logicalType`, `precision`, `scale` and the attributes of Kafka Connect (`connect.*`): they give the same
    /// bytes another meaning.
    pub(super) logical: BTreeMap<String, Value>,
    /// Full names.
    pub(super) aliases: BTreeSet<String>,
}

/// What a type is made of. Numbers are indices into [`Shape::types`].
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Primitive(Primitive),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record { name: String, fields: Vec<Field> },
    Enum { name: String, symbols: Vec<String>, default: Option<Value> },
    Fixed { name: String, size: usize },
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) of: usize,
    pub(super) default: Option<Value>,
    pub(super) aliases: BTreeSet<String>,
}

/// A type without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

impl Primitive {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "bytes" => Self::Bytes,
            "string" => Self::String,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
        }
    }
}

/// Why a text from a registry is not an Avro schema that can be judged. Schemas are not payload: names are shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::decode) enum ShapeError {
    #[error("it is not JSON")]
    NotJson,
    #[error("type {0} is defined nowhere before its use")]
    Unknown(String),
    #[error("{0} is missing or of another type than the Avro specification says")]
    Attribute(&'static str),
    #[error("type {0} is defined twice")]
    Twice(String),
    #[error("{of} has two fields or symbols of the name {name}")]
    Members { of: String, name: String },
    #[error("it nests deeper than {max} types", max = MAX_DEPTH)]
    Deep,
}

impl Shape {
    /// Builds the types of `text`; `references` are the schemas that it refers to by name, dependencies first.
    pub(in crate::decode) fn parse(text: &str, references: &[String]) -> Result<Self, ShapeError> {
        let mut builder = Builder::default();
        for reference in references {
            builder.any(&read(reference)?, "")?;
        }
        let root = builder.any(&read(text)?, "")?;
        Ok(Self { types: builder.types, root })
    }

    pub(super) fn of(&self, index: usize) -> &Type {
        &self.types[index]
    }

    /// The same layout for an Avro library: one text without references, with plain names for types, fields and
    /// symbols (libraries refuse names that others let pass) and without logical types (they alter values). Fails where
    /// it nests too deep.
    pub(super) fn plain_layout(&self) -> Result<Value, ShapeError> {
        self.plain(self.root, 0, &mut BTreeSet::new())
    }

    fn plain(&self, index: usize, depth: usize, defined: &mut BTreeSet<usize>) -> Result<Value, ShapeError> {
        if depth > MAX_DEPTH {
            return Err(ShapeError::Deep);
        }
        let kind = &self.of(index).kind;
        let named = matches!(kind, Kind::Record { .. } | Kind::Enum { .. } | Kind::Fixed { .. });
        let name = format!("T{index}");
        if named && !defined.insert(index) {
            return Ok(Value::String(name));
        }
        let numbered = |letter: &str, i: usize| format!("{letter}{i}");
        let mut part = |index: usize| self.plain(index, depth + 1, defined);
        Ok(match kind {
            Kind::Primitive(primitive) => Value::String(primitive.as_str().to_owned()),
            Kind::Array(items) => json!({"type": "array", "items": part(*items)?}),
            Kind::Map(values) => json!({"type": "map", "values": part(*values)?}),
            Kind::Union(branches) => {
                let branches = branches.iter().map(|branch| part(*branch));
                Value::Array(branches.collect::<Result<Vec<Value>, ShapeError>>()?)
            }
            Kind::Record { fields, .. } => {
                let mut plain = Vec::new();
                for (i, field) in fields.iter().enumerate() {
                    plain.push(json!({"name": numbered("f", i), "type": part(field.of)?}));
                }
                json!({"type": "record", "name": name, "fields": plain})
            }
            Kind::Enum { symbols, .. } => {
                let symbols: Vec<String> = (0..symbols.len()).map(|i| numbered("s", i)).collect();
                json!({"type": "enum", "name": name, "symbols": symbols})
            }
            Kind::Fixed { size, .. } => json!({"type": "fixed", "name": name, "size": size}),
        })
    }

    /// What a person calls the type: `string`, `record orders.Line`.
    pub(super) fn label(&self, index: usize) -> String {
        label(&self.of(index).kind)
    }
}

fn label(kind: &Kind) -> String {
    match kind {
        Kind::Primitive(primitive) => primitive.as_str().to_owned(),
        Kind::Array(_) => "array".to_owned(),
        Kind::Map(_) => "map".to_owned(),
        Kind::Union(_) => "union".to_owned(),
        Kind::Record { name, .. } => format!("record {name}"),
        Kind::Enum { name, .. } => format!("enum {name}"),
        Kind::Fixed { name, .. } => format!("fixed {name}"),
    }
}

fn read(text: &str) -> Result<Value, ShapeError> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        // A bare primitive without quotes: some registries give it out like this.
        Err(_) if Primitive::named(text.trim()).is_some() => Ok(Value::String(text.trim().to_owned())),
        Err(_) => Err(ShapeError::NotJson),
    }
}

#[derive(Default)]
struct Builder {
    types: Vec<Type>,
    names: HashMap<String, usize>,
}

impl Builder {
    fn push(&mut self, kind: Kind) -> usize {
        self.types.push(Type { kind, logical: BTreeMap::new(), aliases: BTreeSet::new() });
        self.types.len() - 1
    }

    fn any(&mut self, value: &Value, namespace: &str) -> Result<usize, ShapeError> {
        match value {
            Value::String(name) => self.by_name(name, namespace),
            Value::Array(branches) => {
                let branches =
                    branches.iter().map(|branch| self.any(branch, namespace)).collect::<Result<_, _>>()?;
                Ok(self.push(Kind::Union(branches)))
            }
            Value::Object(object) => self.object(object, namespace),
            _ => Err(ShapeError::Attribute("type")),
        }
    }

    fn by_name(&mut self, name: &str, namespace: &str) -> Result<usize, ShapeError> {
        if let Some(primitive) = Primitive::named(name) {
            return Ok(self.push(Kind::Primitive(primitive)));
        }
        let known = self.names.get(&full_name(name, namespace)).or_else(|| self.names.get(name));
        known.copied().ok_or_else(|| ShapeError::Unknown(full_name(name, namespace)))
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<usize, ShapeError> {
        let index = match object.get("type").ok_or(ShapeError::Attribute("type"))? {
            Value::String(word) => match word.as_str() {
                "array" => {
                    let items = object.get("items").ok_or(ShapeError::Attribute("items"))?;
                    let items = self.any(items, namespace)?;
                    self.push(Kind::Array(items))
                }
                "map" => {
                    let values = object.get("values").ok_or(ShapeError::Attribute("values"))?;
                    let values = self.any(values, namespace)?;
                    self.push(Kind::Map(values))
                }
                "record" | "error" | "enum" | "fixed" => return self.named(word, object, namespace),
                name if Primitive::named(name).is_some() => self.by_name(name, namespace)?,
                // A use of a named type: its attributes stand where it is defined.
                name => return self.by_name(name, namespace),
            },
            nested @ Value::Object(_) => {
                let index = self.any(nested, namespace)?;
                if self.is_named(index) {
                    return Ok(index);
                }
                index
            }
            nested => self.any(nested, namespace)?,
        };
        self.types[index].logical.extend(logical(object));
        Ok(index)
    }

    fn is_named(&self, index: usize) -> bool {
        matches!(self.types[index].kind, Kind::Record { .. } | Kind::Enum { .. } | Kind::Fixed { .. })
    }

    fn named(
        &mut self,
        word: &str,
        object: &Map<String, Value>,
        namespace: &str,
    ) -> Result<usize, ShapeError> {
        let name = object.get("name").and_then(Value::as_str).ok_or(ShapeError::Attribute("name"))?;
        let stated = object.get("namespace").and_then(Value::as_str);
        let name = full_name(name, stated.unwrap_or(namespace));
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
        let kind = match word {
            "enum" => Kind::Enum {
                name: name.clone(),
                symbols: names(object, "symbols").ok_or(ShapeError::Attribute("symbols"))?,
                default: object.get("default").cloned(),
            },
            "fixed" => {
                let size = object.get("size").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
                Kind::Fixed { name: name.clone(), size: size.ok_or(ShapeError::Attribute("size"))? }
            }
            _ => Kind::Record { name: name.clone(), fields: Vec::new() },
        };
        let index = self.push(kind);
        if self.names.insert(name.clone(), index).is_some() {
            return Err(ShapeError::Twice(name));
        }
        self.types[index].logical = logical(object);
        self.types[index].aliases = names(object, "aliases")
            .unwrap_or_default()
            .iter()
            .map(|alias| full_name(alias, &namespace))
            .collect();
        if let Kind::Record { .. } = self.types[index].kind {
            let fields = object
                .get("fields")
                .and_then(Value::as_array)
                .ok_or(ShapeError::Attribute("fields"))?
                .iter()
                .map(|field| self.field(field, &namespace))
                .collect::<Result<_, _>>()?;
            self.types[index].kind = Kind::Record { name, fields };
        }
        self.refuse_equal_members(index)?;
        Ok(index)
    }

    /// Fields and symbols are told apart by their names: with two of one name, the second would never be compared.
    fn refuse_equal_members(&self, index: usize) -> Result<(), ShapeError> {
        let mut names: Vec<&str> = match &self.types[index].kind {
            Kind::Record { fields, .. } => fields.iter().map(|field| field.name.as_str()).collect(),
            Kind::Enum { symbols, .. } => symbols.iter().map(String::as_str).collect(),
            _ => return Ok(()),
        };
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| {
            let of = label(&self.types[index].kind);
            Err(ShapeError::Members { of, name: pair[0].to_owned() })
        })
    }

    fn field(&mut self, field: &Value, namespace: &str) -> Result<Field, ShapeError> {
        let name = field.get("name").and_then(Value::as_str).ok_or(ShapeError::Attribute("field name"))?;
        let of = field.get("type").ok_or(ShapeError::Attribute("field type"))?;
        let aliases = field.as_object().and_then(|field| names(field, "aliases")).unwrap_or_default();
        Ok(Field {
            name: name.to_owned(),
            of: self.any(of, namespace)?,
            default: field.get("default").cloned(),
            aliases: aliases.into_iter().collect(),
        })
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.trim_start_matches('.').to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn names(object: &Map<String, Value>, key: &str) -> Option<Vec<String>> {
    let list = object.get(key)?.as_array()?;
    list.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn logical(object: &Map<String, Value>) -> BTreeMap<String, Value> {
    let counts =
        |key: &str| matches!(key, "logicalType" | "precision" | "scale") || key.starts_with("connect.");
    object.iter().filter(|(key, _)| counts(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::parse(text, &[]).unwrap()
    }

    #[test]
    fn names_resolve_through_namespaces_and_a_record_may_hold_itself() {
        let shape = shape(
            r#"{"type":"record","name":"Node","namespace":"a.b","fields":[
                {"name":"next","type":["null","Node"]},
                {"name":"kind","type":{"type":"enum","name":"c.Kind","symbols":["X"]}},
                {"name":"again","type":"c.Kind"},
                {"name":"hash","type":{"type":"fixed","name":"Hash","size":4}}]}"#,
        );
        let Kind::Record { name, fields } = &shape.of(shape.root).kind else { panic!("a record") };
        assert_eq!(name, "a.b.Node");
        let labels: Vec<_> = fields.iter().map(|f| shape.label(f.of)).collect();
        assert_eq!(labels, ["union", "enum c.Kind", "enum c.Kind", "fixed a.b.Hash"]);
        let Kind::Union(branches) = &shape.of(fields[0].of).kind else { panic!("a union") };
        assert_eq!(branches[1], shape.root);
    }

    #[test]
    fn references_come_before_the_schema_that_names_them() {
        let line = r#"{"type":"record","name":"x.Line","fields":[{"name":"n","type":"int"}]}"#.to_owned();
        let order = r#"{"type":"record","name":"x.Order","fields":[{"name":"l","type":{"type":"array","items":"Line"}}]}"#;
        assert!(Shape::parse(order, std::slice::from_ref(&line)).is_ok());
        assert_eq!(Shape::parse(order, &[]).unwrap_err(), ShapeError::Unknown("x.Line".into()));
    }

    #[test]
    fn what_is_no_schema_is_an_error_value() {
        for text in [
            "",
            "{}",
            "7",
            r#"{"type":"record"}"#,
            r#"{"type":"record","name":"R"}"#,
            r#"{"type":"enum","name":"E"}"#,
            r#"{"type":"fixed","name":"F","size":-1}"#,
            r#"{"type":"array"}"#,
            r#"["Nowhere"]"#,
        ] {
            assert!(Shape::parse(text, &[]).is_err(), "{text}");
        }
        let u = r#"{"name":"u","type":"string"}"#;
        let twice = |text: String| Shape::parse(&text, &[]).err().map(|error| error.to_string());
        assert_eq!(
            twice(format!(r#"{{"type":"record","name":"a.R","fields":[{u},{u}]}}"#)).as_deref(),
            Some("record a.R has two fields or symbols of the name u")
        );
        assert_eq!(
            twice(r#"{"type":"enum","name":"E","symbols":["A","B","A"]}"#.to_owned()).as_deref(),
            Some("enum E has two fields or symbols of the name A")
        );
        assert!(Shape::parse("string", &[]).is_ok(), "a bare primitive");
    }

    #[test]
    fn types_that_nest_deeper_than_is_read_through_references_are_an_error_value() {
        let record = |name: usize, of: &str| {
            format!(r#"{{"type":"record","name":"R{name}","fields":[{{"name":"x","type":{of}}}]}}"#)
        };
        // Each in a text of its own, and each holds the one before it.
        let chain = |length: usize| {
            let of =
                |name: usize| if name == 0 { "\"int\"".to_owned() } else { format!("\"R{}\"", name - 1) };
            let texts: Vec<String> = (0..length).map(|name| record(name, &of(name))).collect();
            Shape::parse(&format!("\"R{}\"", length - 1), &texts).unwrap().plain_layout()
        };
        assert!(chain(MAX_DEPTH / 2).is_ok());
        assert!(chain(MAX_DEPTH).is_ok());
        assert_eq!(chain(MAX_DEPTH + 1).unwrap_err(), ShapeError::Deep);
        assert_eq!(chain(50 * MAX_DEPTH).unwrap_err().to_string(), "it nests deeper than 200 types");
        // Side by side in one text they are many and not deep.
        let fields = (0..1_000).map(|n| match n {
            0 => format!(r#"{{"name":"f0","type":{}}}"#, record(0, "\"int\"")),
            n => format!(r#"{{"name":"f{n}","type":{}}}"#, record(n, &format!("\"R{}\"", n - 1))),
        });
        let fields: Vec<String> = fields.collect();
        let wide = format!(r#"{{"type":"record","name":"All","fields":[{}]}}"#, fields.join(","));
        assert!(shape(&wide).plain_layout().is_ok());
    }

    #[test]
    fn the_plain_layout_is_what_an_avro_library_reads_out_of_the_original_text() {
        let text = r#"{"type":"record","name":"Order","namespace":"shop","doc":"d","fields":[
            {"name":"id","type":"long","default":0},
            {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
                {"name":"price","type":"bytes"},
                {"name":"tags","type":{"type":"map","values":["null","string","Line"]}}]}}},
            {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","OLD"],"default":"NEW"}},
            {"name":"last","type":["null","Line"],"default":null}]}"#;
        let theirs = apache_avro::Schema::parse_str(text).unwrap().canonical_form();
        let ours = apache_avro::Schema::parse(&shape(text).plain_layout().unwrap()).unwrap().canonical_form();
        let strip = |text: &str| {
            let text = regex::Regex::new(r#""name":"[^"]*""#).unwrap().replace_all(text, "N").into_owned();
            regex::Regex::new(r#""(T\d+|shop\.\w+|s\d|NEW|OLD)""#)
                .unwrap()
                .replace_all(&text, "NAME")
                .into_owned()
        };
        assert_eq!(strip(&ours), strip(&theirs));
    }
}
