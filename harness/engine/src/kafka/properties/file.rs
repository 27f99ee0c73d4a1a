//! Reads the text of a Java `.properties` file. Knows no key; reads no file.

use std::collections::BTreeMap;

/// A line that no properties file can hold. Never repeats the line, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct PropertiesFileError {
    /// Counted from 1; where the logical line begins.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// The keys and values of a `.properties` file, as `java.util.Properties` reads them: comments, `=`, `:` or blank
/// between key and value, continued lines, escapes. Of a repeated key the last counts.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, PropertiesFileError> {
    let mut properties = BTreeMap::new();
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate();
    while let Some((at, line)) = lines.next() {
        let line = line.trim_start_matches(is_blank);
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while ends_open(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(is_blank)),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        let unescaped = |text| unescape(text).map_err(|reason| PropertiesFileError { line: at + 1, reason });
        properties.insert(unescaped(key)?, unescaped(value)?);
    }
    Ok(properties)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// An odd number of backslashes at the end: the last one escapes the line break.
fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let ends = !escaped && (matches!(c, '=' | ':') || is_blank(*c));
            escaped = *c == '\\' && !escaped;
            ends
        })
        .map_or(line.len(), |(at, _)| at);
    let rest = line[end..].trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_blank);
    (&line[..end], value)
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let whole = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                    let unit = whole.then(|| u16::from_str_radix(&digits, 16).ok()).flatten();
                    units.push(unit.ok_or("\\u is not followed by four hexadecimal digits")?);
                    continue;
                }
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    String::from_utf16(&units).map_err(|_| "\\u escapes that are half of a pair")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (String, String) {
        let parsed = parse(text).expect("valid");
        assert_eq!(parsed.len(), 1, "{parsed:?}");
        parsed.into_iter().next().expect("one")
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn equals_sign_colon_and_blanks_all_end_a_key() {
        for text in ["a=b", "a:b", "a b", "  a = b", "a\t:\tb", "a =b"] {
            assert_eq!(one(text), pair("a", "b"), "{text:?}");
        }
    }

    #[test]
    fn only_the_first_separator_counts_and_trailing_blanks_belong_to_the_value() {
        assert_eq!(one("url=https://x:1/?q=2 "), pair("url", "https://x:1/?q=2 "));
        assert_eq!(one("a= = b"), pair("a", "= b"));
    }

    #[test]
    fn comments_and_empty_lines_are_skipped_and_comments_do_not_continue() {
        let parsed = parse("# x=1\\\n! y=2\n\n \t\nkey=1\r\n").expect("valid");
        assert_eq!(parsed, BTreeMap::from([pair("key", "1")]));
    }

    #[test]
    fn a_line_with_an_odd_number_of_backslashes_at_its_end_continues() {
        assert_eq!(one("a=one \\\n    two\\\n\tthree"), pair("a", "one twothree"));
        let two = parse("a=x\\\\\nb=y").expect("valid");
        assert_eq!(two, BTreeMap::from([pair("a", "x\\"), pair("b", "y")]));
        assert_eq!(one("a=b\\"), pair("a", "b"));
    }

    #[test]
    fn escapes_are_undone_in_keys_and_values() {
        assert_eq!(one(r"a\ b\=c=1"), pair("a b=c", "1"));
        assert_eq!(one(r"a=\u00e4\t\n\q\\"), pair("a", "ä\t\nq\\"));
        assert_eq!(one(r"a=\ud83d\ude00"), pair("a", "😀"));
    }

    #[test]
    fn a_key_without_value_is_empty_and_the_last_of_a_repeated_key_counts() {
        assert_eq!(
            one("ssl.endpoint.identification.algorithm="),
            pair("ssl.endpoint.identification.algorithm", "")
        );
        assert_eq!(one("a"), pair("a", ""));
        assert_eq!(one("a=1\na=2"), pair("a", "2"));
    }

    #[test]
    fn a_broken_escape_names_the_line_and_not_its_content() {
        let error = parse("ok=1\npassword=hunter2\\u00g0").expect_err("broken");
        assert_eq!(error.line, 2);
        assert!(!error.to_string().contains("hunter2"));
        assert!(parse(r"a=\u12").is_err());
        assert!(parse(r"a=\ud83d").is_err());
    }
}
