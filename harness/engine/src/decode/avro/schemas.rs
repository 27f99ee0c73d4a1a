//! Where two Avro schemas mean different things: the layout, and what the Parsing Canonical Form drops though readers
//! act on it (defaults, aliases, logical types). Documentation, sort order and other attributes do not count.

use std::collections::HashSet;

use super::shape::{Field, Kind, MAX_DEPTH, Shape, ShapeError, Type};
use crate::decode::paths::{Paths, Step};

/// Notes every difference. Two named types that were compared once are not compared again, so recursion ends; where it
/// would go too deep before that and nothing differs, it fails.
pub(super) fn compare<'a>(
    source: &'a Shape,
    target: &'a Shape,
    paths: &mut Paths<'a>,
) -> Result<(), ShapeError> {
    let mut walk = Walk { source, target, seen: HashSet::new(), depth: 0, cut_short: false };
    walk.types(source.root, target.root, paths);
    if walk.cut_short && paths.is_empty() { Err(ShapeError::Deep) } else { Ok(()) }
}

struct Walk<'a> {
    source: &'a Shape,
    target: &'a Shape,
    seen: HashSet<(usize, usize)>,
    depth: usize,
    cut_short: bool,
}

impl<'a> Walk<'a> {
    fn types(&mut self, a: usize, b: usize, paths: &mut Paths<'a>) {
        if !self.seen.insert((a, b)) {
            return;
        }
        if self.depth > MAX_DEPTH {
            self.cut_short = true;
            return;
        }
        self.depth += 1;
        let (x, y) = (self.source.of(a), self.target.of(b));
        let (label_x, label_y) = (self.source.label(a), self.target.label(b));
        if label_x != label_y {
            paths.differ(&format!("{label_x} / {label_y}"));
        }
        if x.logical != y.logical {
            paths.differ("logical type");
        }
        if x.aliases != y.aliases {
            paths.differ("aliases of the type");
        }
        self.parts(x, y, paths);
        self.depth -= 1;
    }

    fn parts(&mut self, x: &'a Type, y: &'a Type, paths: &mut Paths<'a>) {
        match (&x.kind, &y.kind) {
            (Kind::Array(a), Kind::Array(b)) => paths.within(Step::Items, |p| self.types(*a, *b, p)),
            (Kind::Map(a), Kind::Map(b)) => paths.within(Step::Entry, |p| self.types(*a, *b, p)),
            (Kind::Union(a), Kind::Union(b)) => {
                let names = |shape: &Shape, list: &[usize]| -> Vec<String> {
                    list.iter().map(|branch| shape.label(*branch)).collect()
                };
                if names(self.source, a) == names(self.target, b) {
                    a.iter().zip(b).for_each(|(a, b)| self.types(*a, *b, paths));
                } else {
                    paths.differ("branches of the union");
                }
            }
            (Kind::Record { fields: a, .. }, Kind::Record { fields: b, .. }) => self.fields(a, b, paths),
            (Kind::Enum { symbols: a, default: c, .. }, Kind::Enum { symbols: b, default: d, .. }) => {
                if a != b {
                    paths.differ("symbols of the enum");
                }
                if c != d {
                    paths.differ("default of the enum");
                }
            }
            (Kind::Fixed { size: a, .. }, Kind::Fixed { size: b, .. }) if a != b => {
                paths.differ("size of the fixed");
            }
            _ => {}
        }
    }

    fn fields(&mut self, a: &'a [Field], b: &'a [Field], paths: &mut Paths<'a>) {
        for x in a {
            paths.within(Step::Field(&x.name), |paths| {
                let Some(y) = b.iter().find(|y| y.name == x.name) else {
                    return paths.differ("only in the source's schema");
                };
                if x.default != y.default {
                    paths.differ("default");
                }
                if x.aliases != y.aliases {
                    paths.differ("aliases");
                }
                self.types(x.of, y.of, paths);
            });
        }
        for y in b.iter().filter(|y| !a.iter().any(|x| x.name == y.name)) {
            paths.within(Step::Field(&y.name), |paths| paths.differ("only in the target's schema"));
        }
        let shared = |these: &'a [Field], those: &'a [Field]| -> Vec<&'a str> {
            let in_both = these.iter().filter(|x| those.iter().any(|y| y.name == x.name));
            in_both.map(|field| field.name.as_str()).collect()
        };
        if shared(a, b) != shared(b, a) {
            paths.differ("order of the fields");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(source: &str, target: &str) -> Vec<String> {
        let (a, b) = (Shape::parse(source, &[]).unwrap(), Shape::parse(target, &[]).unwrap());
        let mut paths = Paths::new();
        compare(&a, &b, &mut paths).unwrap();
        paths.into_list()
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
    }

    #[test]
    fn white_space_documentation_and_the_place_of_a_definition_do_not_count() {
        let a = record(
            r#"{"name":"x","type":{"type":"fixed","name":"n.F","size":2}},{"name":"y","type":"n.F","doc":"why"}"#,
        );
        let b = record(
            r#"{"name":"x","type":{"size":2,"name":"F","namespace":"n","type":"fixed"},"order":"ignore"}, {"name":"y","type":"n.F"}"#,
        );
        assert_eq!(differences(&a, &b), Vec::<String>::new());
        let list = r#"{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}"#;
        assert_eq!(differences(list, list), Vec::<String>::new());
    }

    #[test]
    fn types_that_nest_too_deep_to_be_compared_are_an_error_value_unless_something_differs_before() {
        let holds = |name: &str, of: &str| {
            let list = format!(r#"{{"type":"array","items":{of}}}"#);
            format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"x","type":{list}}}]}}"#)
        };
        let chain = |length: usize, last: &str| {
            let of = |n: usize| if n == 0 { last.to_owned() } else { format!("\"R{}\"", n - 1) };
            let texts: Vec<String> = (0..length).map(|n| holds(&format!("R{n}"), &of(n))).collect();
            Shape::parse(&format!("\"R{}\"", length - 1), &texts).unwrap()
        };
        let compared = |a: &Shape, b: &Shape| {
            let mut paths = Paths::new();
            compare(a, b, &mut paths).map(|()| paths.into_list().is_empty())
        };
        let [short, long, other] =
            [(20, "\"int\""), (2_000, "\"int\""), (2_000, "\"long\"")].map(|(n, last)| chain(n, last));
        assert_eq!(compared(&short, &short), Ok(true));
        assert_eq!(compared(&long, &long), Err(ShapeError::Deep));
        assert_eq!(compared(&long, &other), Err(ShapeError::Deep), "too deep to be seen");
        assert_eq!(compared(&short, &long), Ok(false));
        // One that holds itself is compared with each type of the other.
        let itself = Shape::parse(&holds("R1999", "\"R1999\""), &[]).unwrap();
        assert_eq!(compared(&itself, &long), Ok(false));
    }

    #[test]
    fn what_the_canonical_form_drops_is_found() {
        for (a, b, path) in [
            (
                r#"{"name":"x","type":"int","default":1}"#,
                r#"{"name":"x","type":"int","default":2}"#,
                "x (default)",
            ),
            (r#"{"name":"x","type":"int","default":1}"#, r#"{"name":"x","type":"int"}"#, "x (default)"),
            (
                r#"{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"}}"#,
                r#"{"name":"x","type":{"type":"long","logicalType":"timestamp-micros"}}"#,
                "x (logical type)",
            ),
            (
                r#"{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}"#,
                r#"{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}}"#,
                "x (logical type)",
            ),
            (
                r#"{"name":"x","type":{"type":"long","connect.name":"io.debezium.time.Timestamp"}}"#,
                r#"{"name":"x","type":"long"}"#,
                "x (logical type)",
            ),
            (r#"{"name":"x","type":"int","aliases":["old"]}"#, r#"{"name":"x","type":"int"}"#, "x (aliases)"),
            (
                r#"{"name":"x","type":{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}}"#,
                r#"{"name":"x","type":{"type":"enum","name":"E","symbols":["A","B"],"default":"B"}}"#,
                "x (default of the enum)",
            ),
        ] {
            assert_eq!(differences(&record(a), &record(b)), [path]);
            let canonical = |text: &str| apache_avro::Schema::parse_str(text).unwrap().canonical_form();
            // The library's canonical form keeps precision and scale, which the specification drops.
            if !a.contains("precision") {
                assert_eq!(canonical(&record(a)), canonical(&record(b)), "the canonical form sees nothing");
            }
        }
    }

    #[test]
    fn changes_of_layout_are_named_by_path() {
        for (a, b, path) in [
            (r#"{"name":"x","type":"int"}"#, r#"{"name":"x","type":"long"}"#, "x (int / long)"),
            (
                r#"{"name":"x","type":["null","int"]}"#,
                r#"{"name":"x","type":["int","null"]}"#,
                "x (branches of the union)",
            ),
            (
                r#"{"name":"x","type":{"type":"fixed","name":"F","size":2}}"#,
                r#"{"name":"x","type":{"type":"fixed","name":"F","size":3}}"#,
                "x (size of the fixed)",
            ),
            (
                r#"{"name":"x","type":{"type":"enum","name":"E","symbols":["A","B"]}}"#,
                r#"{"name":"x","type":{"type":"enum","name":"E","symbols":["B","A"]}}"#,
                "x (symbols of the enum)",
            ),
            (
                r#"{"name":"x","type":"int"},{"name":"y","type":"int"}"#,
                r#"{"name":"y","type":"int"},{"name":"x","type":"int"}"#,
                "(whole value) (order of the fields)",
            ),
        ] {
            assert_eq!(differences(&record(a), &record(b)), [path]);
        }
        assert_eq!(
            differences(
                &record(r#"{"name":"old","type":"int"},{"name":"both","type":"int"}"#),
                &record(r#"{"name":"both","type":"int"},{"name":"new","type":"int"}"#)
            ),
            ["old (only in the source's schema)", "new (only in the target's schema)"]
        );
    }
}
