//! Walks one Avro datum strictly: every byte accounted for, bounded in depth and in items. Builds no value, so that
//! `decode: all` costs one pass. Its faults name a path and a reason, never a value.

use std::collections::HashSet;

use super::shape::{Kind, MAX_DEPTH, Primitive, Shape};
use crate::decode::paths::{Step, render};

/// Items that take no bytes (nulls, empty records) could otherwise be claimed without end.
const MAX_EMPTY_ITEMS: u64 = 65_536;

/// Why a datum is not what its schema says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Fault {
    /// No reader of the specification can read it. Where, and why.
    Broken(String),
    /// Beyond what is judged here.
    Beyond(String),
}

/// Walks `bytes` from the first to the last.
pub(super) fn walk(shape: &Shape, bytes: &[u8]) -> Result<(), Fault> {
    let mut walk = Walk::new(shape, bytes, false);
    walk.any(shape.root, 0).map_err(|stop| stop.fault())?;
    match bytes.len() - walk.at {
        0 => Ok(()),
        left => Err(Fault::Broken(format!("{left} bytes are left over after the value"))),
    }
}

/// Whether a map anywhere in `bytes`, which are one datum, holds a key twice.
pub(super) fn repeats_a_key(shape: &Shape, bytes: &[u8]) -> bool {
    let mut walk = Walk::new(shape, bytes, true);
    walk.any(shape.root, 0).is_ok() && walk.repeats_a_key
}

struct Walk<'a> {
    shape: &'a Shape,
    bytes: &'a [u8],
    at: usize,
    /// Of all arrays and maps together.
    items_without_bytes: u64,
    watches_keys: bool,
    repeats_a_key: bool,
}

/// A fault on its way out: steps from the inside.
struct Stop<'a> {
    steps: Vec<Step<'a>>,
    why: String,
    beyond: bool,
}

impl<'a> Stop<'a> {
    fn because(why: impl Into<String>) -> Self {
        Self { steps: Vec::new(), why: why.into(), beyond: false }
    }

    fn beyond(why: impl Into<String>) -> Self {
        Self { steps: Vec::new(), why: why.into(), beyond: true }
    }

    fn under(mut self, step: Step<'a>) -> Self {
        self.steps.push(step);
        self
    }

    fn fault(mut self) -> Fault {
        self.steps.reverse();
        // The inner steps say most; a list within a list within a list would not be read.
        let text = format!("{}: {}", render(&self.steps[..self.steps.len().min(12)]), self.why);
        if self.beyond { Fault::Beyond(text) } else { Fault::Broken(text) }
    }
}

impl<'a> Walk<'a> {
    fn new(shape: &'a Shape, bytes: &'a [u8], watches_keys: bool) -> Self {
        Self { shape, bytes, at: 0, items_without_bytes: 0, watches_keys, repeats_a_key: false }
    }

    fn any(&mut self, index: usize, depth: usize) -> Result<(), Stop<'a>> {
        if depth > MAX_DEPTH {
            return Err(Stop::beyond(format!("it nests deeper than {MAX_DEPTH} types")));
        }
        match &self.shape.of(index).kind {
            Kind::Primitive(primitive) => self.primitive(*primitive),
            Kind::Array(items) => self.blocks(|walk, index| {
                walk.any(*items, depth + 1).map_err(|stop| stop.under(Step::Item(index)))
            }),
            Kind::Map(values) => {
                let mut keys = HashSet::new();
                self.blocks(|walk, _| {
                    let entry = walk.key(&mut keys).and_then(|()| walk.any(*values, depth + 1));
                    entry.map_err(|stop| stop.under(Step::Entry))
                })
            }
            Kind::Union(branches) => {
                let branch = self.long()?;
                let branch = usize::try_from(branch).ok().and_then(|n| branches.get(n));
                let branch = branch.ok_or_else(|| Stop::because("the union has no such branch"))?;
                self.any(*branch, depth + 1)
            }
            Kind::Record { fields, .. } => {
                for field in fields {
                    self.any(field.of, depth + 1).map_err(|stop| stop.under(Step::Field(&field.name)))?;
                }
                Ok(())
            }
            Kind::Enum { symbols, .. } => {
                let symbol = usize::try_from(self.int()?).ok().filter(|n| *n < symbols.len());
                symbol.map(|_| ()).ok_or_else(|| Stop::because("the enum has no such symbol"))
            }
            Kind::Fixed { size, .. } => self.take(*size).map(|_| ()),
        }
    }

    fn primitive(&mut self, primitive: Primitive) -> Result<(), Stop<'a>> {
        match primitive {
            Primitive::Null => Ok(()),
            Primitive::Boolean => match self.take(1)?[0] {
                0 | 1 => Ok(()),
                _ => Err(Stop::because("a boolean is neither 0 nor 1")),
            },
            Primitive::Int => self.int().map(|_| ()),
            Primitive::Long => self.long().map(|_| ()),
            Primitive::Float => self.take(4).map(|_| ()),
            Primitive::Double => self.take(8).map(|_| ()),
            Primitive::Bytes => self.sized().map(|_| ()),
            Primitive::String => self.string().map(|_| ()),
        }
    }

    /// Blocks of items: a count, or a negative count and the size of the block in bytes; an empty one ends them.
    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), Stop<'a>>,
    ) -> Result<(), Stop<'a>> {
        let mut index = 0;
        loop {
            let stated = self.long()?;
            if stated == 0 {
                return Ok(());
            }
            let size = if stated < 0 { Some(self.long()?) } else { None };
            let (start, count) = (self.at, stated.unsigned_abs());
            if count > MAX_EMPTY_ITEMS.max((self.bytes.len() - start) as u64) {
                return Err(Stop::because("a block claims more items than there are bytes left"));
            }
            for _ in 0..count {
                let before = self.at;
                item(self, index)?;
                index += 1;
                self.items_without_bytes += u64::from(self.at == before);
                if self.items_without_bytes > MAX_EMPTY_ITEMS {
                    return Err(Stop::beyond(format!("more than {MAX_EMPTY_ITEMS} items without bytes")));
                }
            }
            if size.is_some_and(|size| usize::try_from(size).ok() != Some(self.at - start)) {
                return Err(Stop::because("a block has another size than it says"));
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Stop<'a>> {
        let left = &self.bytes[self.at..];
        if count > left.len() {
            return Err(Stop::because(format!("the payload ends inside it ({} bytes left)", left.len())));
        }
        self.at += count;
        Ok(&left[..count])
    }

    fn sized(&mut self) -> Result<&'a [u8], Stop<'a>> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| Stop::because("its length is negative"))?;
        self.take(length)
    }

    fn string(&mut self) -> Result<&'a str, Stop<'a>> {
        std::str::from_utf8(self.sized()?).map_err(|_| Stop::because("a string is not UTF-8"))
    }

    /// The key of a map's entry; `keys`: those of the map so far.
    fn key(&mut self, keys: &mut HashSet<&'a str>) -> Result<(), Stop<'a>> {
        let key = self.string()?;
        self.repeats_a_key |= self.watches_keys && !keys.insert(key);
        Ok(())
    }

    fn int(&mut self) -> Result<i32, Stop<'a>> {
        i32::try_from(self.long()?).map_err(|_| Stop::because("an int takes more than 32 bits"))
    }

    /// A zigzag varint of at most ten bytes; longer spellings of small numbers are legal.
    fn long(&mut self) -> Result<i64, Stop<'a>> {
        let mut bits = 0u64;
        for place in 0..10 {
            let byte = self.take(1)?[0];
            if place == 9 && byte > 1 {
                break;
            }
            bits |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err(Stop::because("a number takes more than 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk_text(schema: &str, bytes: &[u8]) -> Result<(), Fault> {
        walk(&Shape::parse(schema, &[]).unwrap(), bytes)
    }

    fn broken(text: &str) -> Result<(), Fault> {
        Err(Fault::Broken(text.into()))
    }

    const ORDER: &str = r#"{"type":"record","name":"Order","fields":[
        {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
            {"name":"paid","type":"boolean"}]}}},
        {"name":"note","type":["null","string"]}]}"#;

    #[test]
    fn a_missing_trailing_nullable_field_is_a_fault_and_not_null() {
        assert_eq!(walk_text(ORDER, &[2, 1, 0, 0]), Ok(()));
        assert_eq!(walk_text(ORDER, &[2, 1, 0]), broken("note: the payload ends inside it (0 bytes left)"));
    }

    #[test]
    fn a_fault_names_the_path_and_no_value() {
        assert_eq!(walk_text(ORDER, &[4, 1, 7, 0, 0]), broken("lines[1].paid: a boolean is neither 0 nor 1"));
        assert_eq!(walk_text(ORDER, &[0, 4]), broken("note: the union has no such branch"));
        assert_eq!(walk_text(ORDER, &[0, 2, 4, 0xff, 0xff]), broken("note: a string is not UTF-8"));
        assert_eq!(walk_text(ORDER, &[0, 0, 9]), broken("1 bytes are left over after the value"));
    }

    #[test]
    fn a_claim_of_countless_items_ends_at_once() {
        let nulls = r#"{"type":"array","items":"null"}"#;
        assert_eq!(walk_text(nulls, &[6, 0]), Ok(()));
        let claim = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0];
        assert!(matches!(walk_text(nulls, &claim), Err(Fault::Broken(_))));
        // 65,536 nulls and one more in a second block.
        let many = [0x80, 0x80, 8, 2, 0];
        assert!(matches!(walk_text(nulls, &many), Err(Fault::Beyond(_))));
        // 40,000 in each of two arrays.
        let lists = r#"{"type":"array","items":{"type":"array","items":"null"}}"#;
        let one = [0x80, 0xf1, 0x04, 0];
        assert_eq!(walk_text(lists, &[&[2][..], &one, &[0]].concat()), Ok(()));
        assert!(matches!(walk_text(lists, &[&[4][..], &one, &one, &[0]].concat()), Err(Fault::Beyond(_))));
    }

    #[test]
    fn a_datum_that_nests_without_end_is_not_judged_and_overflows_no_stack() {
        let list = r#"{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}"#;
        assert_eq!(walk_text(list, &[2, 2, 2, 0]), Ok(()));
        assert!(matches!(walk_text(list, &vec![2; 1 << 20]), Err(Fault::Beyond(_))));
    }

    #[test]
    fn a_key_that_a_map_holds_twice_is_seen_wherever_the_map_is() {
        let maps =
            r#"{"type":"array","items":{"type":"map","values":["null",{"type":"map","values":"int"}]}}"#;
        let shape = Shape::parse(maps, &[]).unwrap();
        // Two maps with the key `a`; in one of them, a map within it with `b` in two blocks.
        let inner = |second: u8| [&[2, 2, b'a', 2, 2, 2, b'b', 4][..], &[2, 2, second, 6, 0, 0]].concat();
        for (second, twice) in [(b'b', true), (b'c', false)] {
            let bytes = [&[4, 2, 2, b'a', 0, 0][..], &inner(second), &[0]].concat();
            assert_eq!(walk(&shape, &bytes), Ok(()));
            assert_eq!(repeats_a_key(&shape, &bytes), twice);
        }
    }

    #[test]
    fn block_sizes_must_be_true() {
        let ints = r#"{"type":"array","items":"int"}"#;
        assert_eq!(walk_text(ints, &[3, 4, 2, 4, 0]), Ok(()));
        assert_eq!(
            walk_text(ints, &[3, 6, 2, 4, 0]),
            broken("(whole value): a block has another size than it says")
        );
    }

    #[test]
    fn numbers_keep_their_width() {
        assert_eq!(walk_text("\"int\"", &[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(()));
        assert!(walk_text("\"int\"", &[0x80, 0x80, 0x80, 0x80, 0x10]).is_err());
        assert_eq!(walk_text("\"long\"", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Ok(()));
        assert!(walk_text("\"long\"", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).is_err());
        assert_eq!(walk_text("\"long\"", &[0x82, 0x80, 0]), Ok(()), "a long spelling of 1");
    }
}
