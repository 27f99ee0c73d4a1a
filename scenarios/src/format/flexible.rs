//! `word` for `word: {}`: an alternative whose settings all have defaults may be written as one word.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde_json::{Value, json};

/// An enum in which each variant holds a mapping.
#[derive(Clone, Debug, Default)]
pub struct Flexible<T>(pub T);

impl<T> Deref for Flexible<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Flexible<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrMap(PhantomData)).map(Flexible)
    }
}

struct WordOrMap<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for WordOrMap<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word, or one key with a mapping")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        let one = MapDeserializer::new(std::iter::once((word, Nothing)));
        T::deserialize(MapAccessDeserializer::new(one))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let value = T::deserialize(MapAccessDeserializer::new(&mut map))?;
        match map.next_key::<String>()? {
            None => Ok(value),
            Some(second) => {
                map.next_value::<IgnoredAny>()?;
                Err(A::Error::custom(format!(
                    "`{second}` stands beside another key; give it an item of its own"
                )))
            }
        }
    }
}

/// An empty mapping.
struct Nothing;

impl<'de, E: Error> IntoDeserializer<'de, E> for Nothing {
    type Deserializer = MapAccessDeserializer<MapDeserializer<'de, std::iter::Empty<(&'de str, ())>, E>>;

    fn into_deserializer(self) -> Self::Deserializer {
        MapAccessDeserializer::new(MapDeserializer::new(std::iter::empty()))
    }
}

impl<T: JsonSchema> JsonSchema for Flexible<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrWord", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mapping = T::json_schema(generator).to_value();
        let alternatives = mapping["oneOf"].as_array().cloned().unwrap_or_else(|| vec![mapping.clone()]);
        let words: Vec<Value> = alternatives
            .iter()
            .filter_map(|alternative| alternative["properties"].as_object()?.iter().next())
            .filter(|(_, settings)| may_be_empty(settings, generator))
            .map(|(word, _)| word.clone().into())
            .collect();
        let mut all = vec![json!({ "type": "string", "enum": words })];
        all.extend(alternatives);
        Schema::try_from(json!({ "oneOf": all })).expect("an object")
    }
}

/// Whether `{}` is allowed there.
fn may_be_empty(settings: &Value, generator: &SchemaGenerator) -> bool {
    let referred = settings["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let shape = referred.and_then(|name| generator.definitions().get(name)).unwrap_or(settings);
    shape["type"] == "object" && shape["required"].as_array().is_none_or(Vec::is_empty)
}
