//! Reads the login module and its options out of a `sasl.jaas.config` value. Decides nothing about them.

use std::collections::BTreeMap;
use std::fmt;

/// A login module with its options. The options hold secrets: `Debug` shows their names only.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct LoginModule {
    /// The class name as written.
    pub class: String,
    /// Options by name.
    pub options: BTreeMap<String, String>,
}

impl LoginModule {
    /// The class name without its package.
    pub fn short_name(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or(&self.class)
    }
}

impl fmt::Debug for LoginModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, options } = self;
        f.debug_struct("LoginModule")
            .field("class", class)
            .field("options", &options.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// `class required|requisite|sufficient|optional name=value ... ;` with values bare or quoted as in Java.
pub(super) fn parse(text: &str) -> Result<LoginModule, &'static str> {
    let mut tokens = Tokens { rest: text };
    let class = tokens.word()?.ok_or("no login module is named")?;
    let flag = tokens.word()?.ok_or("no control flag (required) follows the login module")?;
    if !["required", "requisite", "sufficient", "optional"].contains(&flag.to_ascii_lowercase().as_str()) {
        return Err("the word after the login module must be required, requisite, sufficient or optional");
    }
    let mut options = BTreeMap::new();
    while let Some(name) = tokens.word()? {
        if !tokens.take('=') {
            return Err("an option has no value (name=\"value\")");
        }
        let value = tokens.word()?.ok_or("an option has no value (name=\"value\")")?;
        options.insert(name, value);
    }
    if !tokens.take(';') {
        return Err("the ; at the end is missing");
    }
    match tokens.skip_blanks().is_empty() {
        true => Ok(LoginModule { class, options }),
        false => Err("more than one login module is named"),
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn skip_blanks(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.skip_blanks().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A bare or quoted word; `None` before `;` and at the end.
    fn word(&mut self) -> Result<Option<String>, &'static str> {
        let text = self.skip_blanks();
        match text.chars().next() {
            None | Some(';') => Ok(None),
            Some(quote @ ('"' | '\'')) => self.quoted(quote).map(Some),
            Some(_) => {
                let end = text
                    .find(|c: char| c.is_whitespace() || matches!(c, ';' | '=' | '"' | '\''))
                    .unwrap_or(text.len());
                if end == 0 {
                    return Err("a name is missing before =");
                }
                self.rest = &text[end..];
                Ok(Some(text[..end].to_owned()))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let mut value = String::new();
        let mut chars = self.rest[1..].chars();
        loop {
            match chars.next() {
                Some(c) if c == quote => {
                    self.rest = chars.as_str();
                    return Ok(value);
                }
                Some('\\') => match chars.next() {
                    Some('n') => value.push('\n'),
                    Some('r') => value.push('\r'),
                    Some('t') => value.push('\t'),
                    Some('f') => value.push('\u{c}'),
                    Some('b') => value.push('\u{8}'),
                    Some('a') => value.push('\u{7}'),
                    Some('v') => value.push('\u{b}'),
                    Some(other) => value.push(other),
                    None => return Err("a quoted value is not closed"),
                },
                Some('\n') | None => return Err("a quoted value is not closed"),
                Some(c) => value.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_may_be_quoted_twice_once_or_not_at_all() {
        let module = parse(
            "org.apache.kafka.common.security.scram.ScramLoginModule required\n  username=\"me\" password='a b;c' tokenauth=true ;",
        )
        .expect("valid");
        assert_eq!(module.short_name(), "ScramLoginModule");
        let options: Vec<_> = module.options.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(options, [("password", "a b;c"), ("tokenauth", "true"), ("username", "me")]);
    }

    #[test]
    fn quotes_and_backslashes_inside_a_password_are_kept() {
        let module =
            parse(r#"x.PlainLoginModule REQUIRED username="u" password="p\"q\\r=s";"#).expect("valid");
        assert_eq!(module.options["password"], r#"p"q\r=s"#);
    }

    #[test]
    fn what_is_not_a_login_module_is_refused_without_repeating_it() {
        for text in [
            "",
            ";",
            "x.PlainLoginModule",
            "x.PlainLoginModule username=\"u\";",
            "x.PlainLoginModule required username=\"u\"",
            "x.PlainLoginModule required username;",
            "x.PlainLoginModule required username=;",
            "x.PlainLoginModule required username=\"hunter2;",
            "x.PlainLoginModule required =\"hunter2\";",
            "x.PlainLoginModule required; y.Other required;",
        ] {
            let reason = parse(text).expect_err(text);
            assert!(!reason.contains("hunter2"));
        }
    }

    #[test]
    fn debug_shows_the_names_of_options_and_no_value() {
        let module =
            parse(r#"x.PlainLoginModule required username="alice" password="hunter2";"#).expect("valid");
        let debug = format!("{module:?}");
        assert!(
            debug.contains("password") && !debug.contains("hunter2") && !debug.contains("alice"),
            "{debug}"
        );
    }
}
