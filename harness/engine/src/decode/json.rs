//! JSON compared by meaning: names in any order, numbers exactly as written, never through a float.
//! Reads strictly (RFC 8259); knows no schema.

use std::collections::BTreeMap;

use super::paths::{Paths, Step};

/// Deeper nesting is not read: it could not be compared safely.
const MAX_DEPTH: usize = 128;

/// A JSON text as a tree; numbers stay text, objects keep order and repeated names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(String),
    Array(Vec<Json<'a>>),
    Object(Vec<(String, Json<'a>)>),
}

/// Where a text stops being JSON: a byte offset, nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson {
    pub(super) at: usize,
    /// It may be JSON all the same, and is only not read here: nested too deep, or a string that is no Unicode text.
    pub(super) beyond: bool,
}

/// What did not matter, found on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spelling {
    /// Objects whose names stand in another order.
    pub(super) reordered_objects: u64,
    /// Equal numbers in other digits, as 1.50 and 1.5.
    pub(super) respelled_numbers: u64,
}

impl Spelling {
    /// A sentence for people.
    pub(super) fn note(self) -> String {
        match (self.reordered_objects, self.respelled_numbers) {
            (0, 0) => "equal as JSON: other white space or escapes".to_owned(),
            (objects, 0) => format!("equal as JSON: names in another order in {objects} object(s)"),
            (0, numbers) => format!("equal as JSON: {numbers} number(s) written with other digits"),
            (objects, numbers) => format!(
                "equal as JSON: names in another order in {objects} object(s), {numbers} number(s) written with other digits"
            ),
        }
    }
}

/// Reads one JSON text to its end.
pub(super) fn parse(bytes: &[u8]) -> Result<Json<'_>, NotJson> {
    let text = std::str::from_utf8(bytes).map_err(|e| NotJson { at: e.valid_up_to(), beyond: false })?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.white();
    if reader.at == text.len() { Ok(value) } else { Err(reader.fault()) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self) -> NotJson {
        NotJson { at: self.at, beyond: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), NotJson> {
        if !self.text.as_bytes()[self.at..].starts_with(token.as_bytes()) {
            return Err(self.fault());
        }
        self.at += token.len();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        self.white();
        if depth > MAX_DEPTH {
            return Err(NotJson { beyond: true, ..self.fault() });
        }
        match self.peek().ok_or(self.fault())? {
            b'n' => self.expect("null").map(|()| Json::Null),
            b't' => self.expect("true").map(|()| Json::Bool(true)),
            b'f' => self.expect("false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' => self.array(depth),
            b'{' => self.object(depth),
            _ => self.number().map(Json::Number),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        let mut items = Vec::new();
        self.at += 1;
        self.white();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.more(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        let mut members = Vec::new();
        self.at += 1;
        self.white();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.white();
            let name = self.string()?;
            self.white();
            self.expect(":")?;
            members.push((name, self.value(depth + 1)?));
            if !self.more(b'}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    /// After an item: a comma (more follow) or the closing byte.
    fn more(&mut self, close: u8) -> Result<bool, NotJson> {
        self.white();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.fault()),
        }
    }

    /// Finds the closing quote; escapes and control characters are serde_json's business.
    fn string(&mut self) -> Result<String, NotJson> {
        let start = self.at;
        self.expect("\"")?;
        loop {
            match self.peek().ok_or(NotJson { at: start, beyond: false })? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let token = &self.text[start..self.at];
        serde_json::from_str(token).map_err(|_| {
            // Half of a surrogate pair is a legal escape, and no character.
            let beyond = serde_json::from_str::<serde::de::IgnoredAny>(token).is_ok();
            NotJson { at: start, beyond }
        })
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<&'a str, NotJson> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault()) } else { Ok(()) }
    }
}

/// Compares two trees and notes each path that differs.
pub(super) fn compare<'a>(
    source: &'a Json<'a>,
    target: &'a Json<'a>,
    paths: &mut Paths<'a>,
    spelling: &mut Spelling,
) {
    match (source, target) {
        (Json::Number(a), Json::Number(b)) if a == b => {}
        (Json::Number(a), Json::Number(b)) if same_number(a, b) => spelling.respelled_numbers += 1,
        (Json::Array(a), Json::Array(b)) => {
            for (index, (x, y)) in a.iter().zip(b).enumerate() {
                paths.within(Step::Item(index), |paths| compare(x, y, paths, spelling));
            }
            if a.len() != b.len() {
                paths.differ("number of items");
            }
        }
        (Json::Object(a), Json::Object(b)) => compare_objects(a, b, paths, spelling),
        _ if kind(source) != kind(target) => {
            paths.differ(&format!("{} / {}", kind(source), kind(target)));
        }
        _ if source != target => paths.differ(""),
        _ => {}
    }
}

type Members<'a> = [(String, Json<'a>)];

fn compare_objects<'a>(
    source: &'a Members<'a>,
    target: &'a Members<'a>,
    paths: &mut Paths<'a>,
    spelling: &mut Spelling,
) {
    let (a, b) = (by_name(source), by_name(target));
    for (name, of_source) in &a {
        let of_target = b.get(name).map_or(&[][..], Vec::as_slice);
        paths.within(Step::Name(name), |paths| {
            for (x, y) in of_source.iter().zip(of_target) {
                compare(x, y, paths, spelling);
            }
            match of_target.len() {
                0 => paths.differ("only in the source"),
                n if n != of_source.len() => paths.differ("number of repetitions"),
                _ => {}
            }
        });
    }
    for name in b.keys().filter(|name| !a.contains_key(*name)) {
        paths.within(Step::Name(name), |paths| paths.differ("only in the target"));
    }
    if !source.iter().map(|(name, _)| name).eq(target.iter().map(|(name, _)| name)) && a.keys().eq(b.keys()) {
        spelling.reordered_objects += 1;
    }
}

/// A repeated name keeps all its values, in order: readers disagree about which one counts.
fn by_name<'a>(members: &'a Members<'a>) -> BTreeMap<&'a str, Vec<&'a Json<'a>>> {
    let mut map = BTreeMap::<&str, Vec<&Json>>::new();
    for (name, value) in members {
        map.entry(name).or_default().push(value);
    }
    map
}

fn kind(value: &Json<'_>) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::Text(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Exactly the same decimal, and both or neither written with a fraction or an exponent: many readers choose
/// the type by it, so 1 and 1.0 differ. A whole number has one spelling (but for -0, which differs from 0).
fn same_number(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let whole = |text: &str| !text.contains(['.', 'e', 'E']);
    if whole(a) || whole(b) {
        return false;
    }
    match (decimal(a), decimal(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// Sign, significant digits without zeros at either end, and the power of ten of the last one.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - trimmed.len()).ok()?;
    let power = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(zeros)?;
    let significant = trimmed.trim_start_matches('0');
    let power = if significant.is_empty() { 0 } else { power };
    Some((negative, significant.to_owned(), power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn differences(source: &str, target: &str) -> (Vec<String>, Spelling) {
        let (a, b) = (parse(source.as_bytes()).unwrap(), parse(target.as_bytes()).unwrap());
        let (mut paths, mut spelling) = (Paths::new(), Spelling::default());
        compare(&a, &b, &mut paths, &mut spelling);
        (paths.into_list(), spelling)
    }

    #[test]
    fn neighbours_beyond_the_floats_precision_differ() {
        let (paths, _) =
            differences(r#"{"id":9007199254740993,"n":[1]}"#, r#"{"id":9007199254740992,"n":[1]}"#);
        assert_eq!(paths, ["id"]);
        let (paths, _) = differences("123456789012345678901234567890", "123456789012345678901234567891");
        assert_eq!(paths, ["(whole value)"]);
    }

    #[test]
    fn the_order_of_names_is_noted_and_does_not_differ() {
        let (paths, spelling) = differences(r#"{"a":1,"b":{"c":2,"d":3}}"#, r#"{"b":{"d":3,"c":2},"a":1}"#);
        assert!(paths.is_empty());
        assert_eq!(spelling, Spelling { reordered_objects: 2, respelled_numbers: 0 });
        assert!(spelling.note().contains("another order in 2 object(s)"));
    }

    #[test]
    fn each_difference_is_named_by_its_path_and_no_value() {
        let (paths, _) = differences(
            r#"{"order":{"lines":[{"price":1},{"price":2},{"price":3}],"old":true,"x":"secret"}}"#,
            r#"{"order":{"lines":[{"price":1},{"price":2},{"price":4}],"new":true,"x":5}}"#,
        );
        assert_eq!(
            paths,
            [
                "order.lines[2].price",
                "order.old (only in the source)",
                "order.x (string / number)",
                "order.new (only in the target)"
            ]
        );
    }

    #[test]
    fn numbers_are_equal_only_if_no_reader_could_tell_them_apart() {
        for (a, b) in [("1.5", "1.50"), ("1e2", "1.0E+2"), ("0.0", "0e9"), ("12.5e-1", "1.25")] {
            assert!(same_number(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("1", "1.0"),
            ("0", "-0"),
            ("0.0", "-0.0"),
            ("1e400", "1e401"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("0.1", "0.10000000000000000555"),
        ] {
            assert!(!same_number(a, b), "{a} {b}");
        }
    }

    #[test]
    fn repeated_names_are_not_collapsed() {
        assert_eq!(differences(r#"{"a":1,"a":2}"#, r#"{"a":2}"#).0, ["a", "a (number of repetitions)"]);
        assert_eq!(differences(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#).0, ["a"]);
    }

    #[test]
    fn what_is_legal_and_not_read_here_is_told_from_what_is_not_json() {
        let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        for (text, beyond) in [
            (r#""\ud83d""#, true),
            (r#"{"a":"\ud83d, cut off"}"#, true),
            (deep.as_str(), true),
            (r#""\ud8""#, false),
            (r#""\x41""#, false),
        ] {
            assert_eq!(parse(text.as_bytes()).map_err(|error| error.beyond), Err(beyond), "{text}");
        }
        assert!(parse(r#""\ud83d\ude00""#.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_offset() {
        for (text, at) in
            [("", 0), ("01", 1), ("[1,]", 3), ("{\"a\" 1}", 5), ("nul", 0), ("1 2", 2), ("\"\u{1}\"", 0)]
        {
            assert_eq!(parse(text.as_bytes()), Err(NotJson { at, beyond: false }), "{text}");
        }
        assert!(parse(&[b'"', 0xff, b'"']).is_err());
        assert!(parse(b"1E310").is_ok() && parse(b"1E310E").is_err(), "no number is too large");
        assert!(parse(b"\"\\").is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err(), "depth is bounded");
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec(("[a-c]{1,2}", inner), 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn two_texts_are_equal_exactly_when_their_values_are(a in any_json(), b in any_json()) {
            let (compact, pretty) = (a.to_string(), serde_json::to_string_pretty(&a).unwrap());
            prop_assert!(differences(&compact, &pretty).0.is_empty());
            prop_assert_eq!(differences(&compact, &b.to_string()).0.is_empty(), a == b);
        }

        #[test]
        fn it_accepts_what_serde_json_accepts_and_nothing_else(
            text in r#"[\[\]{}:, "\\a0-9eE.+tn-]{0,12}"#
        ) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // It stops at a number that is too large for it, whatever comes behind.
            prop_assume!(!theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range")));
            prop_assert_eq!(parse(text.as_bytes()).is_ok(), theirs.is_ok());
        }
    }
}
