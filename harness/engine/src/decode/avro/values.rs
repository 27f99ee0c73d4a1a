//! Two decoded Avro values compared by meaning: fields by name, maps without order, floats by their bits, a union's
//! branch by its schema. Differences of the schemas themselves are the business of `schemas`.

use std::mem::discriminant;

use apache_avro::types::Value;

use super::shape::{Kind, Shape};
use crate::decode::paths::{Paths, Step};

/// A value with the type that it was written by.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) shape: &'a Shape,
    pub(super) of: usize,
    pub(super) value: &'a Value,
}

impl<'a> Typed<'a> {
    fn part(self, of: usize, value: &'a Value) -> Self {
        Self { of, value, ..self }
    }

    /// The value inside a union and the branch that was written.
    fn chosen(self) -> Self {
        match (&self.shape.of(self.of).kind, self.value) {
            (Kind::Union(branches), Value::Union(branch, value)) => {
                self.part(branches[*branch as usize], value).chosen()
            }
            _ => self,
        }
    }

    fn label(self) -> String {
        self.shape.label(self.of)
    }
}

/// Notes each path at which the two differ.
pub(super) fn compare<'a>(source: Typed<'a>, target: Typed<'a>, paths: &mut Paths<'a>) {
    let (a, b) = (source.chosen(), target.chosen());
    let (type_a, type_b) = (a.shape.of(a.of), b.shape.of(b.of));
    // Where no union stands between, `schemas` has said once what would be said here for every item.
    let by_choice = a.of != source.of || b.of != target.of;
    if by_choice && a.label() != b.label() {
        paths.differ(&format!("{} / {}", a.label(), b.label()));
    } else if by_choice && type_a.logical != type_b.logical {
        paths.differ("logical type");
    }
    if a.label() != b.label() && discriminant(&type_a.kind) != discriminant(&type_b.kind) {
        return;
    }
    match (&type_a.kind, a.value, &type_b.kind, b.value) {
        (Kind::Array(of_a), Value::Array(x), Kind::Array(of_b), Value::Array(y)) => {
            for (index, (x, y)) in x.iter().zip(y).enumerate() {
                paths.within(Step::Item(index), |p| compare(a.part(*of_a, x), b.part(*of_b, y), p));
            }
            if x.len() != y.len() {
                paths.differ("number of items");
            }
        }
        (Kind::Map(of_a), Value::Map(x), Kind::Map(of_b), Value::Map(y)) => {
            let mut keys: Vec<_> = x.keys().collect();
            keys.sort();
            for key in keys {
                paths.within(Step::Entry, |paths| match y.get(key) {
                    Some(y) => compare(a.part(*of_a, &x[key]), b.part(*of_b, y), paths),
                    None => paths.differ("only in the source"),
                });
            }
            if y.keys().any(|key| !x.contains_key(key)) {
                paths.within(Step::Entry, |paths| paths.differ("only in the target"));
            }
        }
        (
            Kind::Record { fields: of_a, .. },
            Value::Record(x),
            Kind::Record { fields: of_b, .. },
            Value::Record(y),
        ) => {
            for (field, (_, x)) in of_a.iter().zip(x) {
                let Some(place) = of_b.iter().position(|other| other.name == field.name) else {
                    continue;
                };
                paths.within(Step::Field(&field.name), |paths| {
                    compare(a.part(field.of, x), b.part(of_b[place].of, &y[place].1), paths);
                });
            }
        }
        (
            Kind::Enum { symbols: of_a, .. },
            Value::Enum(x, _),
            Kind::Enum { symbols: of_b, .. },
            Value::Enum(y, _),
        ) => {
            if of_a[*x as usize] != of_b[*y as usize] {
                paths.differ("");
            }
        }
        (Kind::Primitive(x), _, Kind::Primitive(y), _) if x != y => {}
        (_, x, _, y) => {
            if !same_leaf(x, y) {
                paths.differ("");
            }
        }
    }
}

fn same_leaf(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
        (Value::Null, Value::Null) => true,
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Long(a), Value::Long(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) | (Value::Fixed(_, a), Value::Fixed(_, b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}
