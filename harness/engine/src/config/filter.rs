//! Whole-name regular expressions over topics and groups. Knows no cluster.

use regex::Regex;

use super::ConfigError;

/// A name passes if an include pattern matches all of it and no exclude pattern does.
#[derive(Clone)]
pub struct NameFilter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

#[derive(Clone)]
struct Pattern {
    text: String,
    regex: Regex,
}

impl NameFilter {
    /// Compiles the patterns. `key` is the path of the filter in the configuration, for errors.
    ///
    /// # Errors
    /// [`ConfigError::Value`] with the pattern that is no regular expression.
    pub fn new(key: &str, include: &[String], exclude: &[String]) -> Result<Self, ConfigError> {
        Ok(Self {
            include: compile(&format!("{key}.include"), include)?,
            exclude: compile(&format!("{key}.exclude"), exclude)?,
        })
    }

    /// One list without exclusions; `key` names the list itself.
    pub(super) fn of_list(key: &str, patterns: &[String]) -> Result<Self, ConfigError> {
        Ok(Self { include: compile(key, patterns)?, exclude: Vec::new() })
    }

    /// Whether the whole name is included and not excluded.
    pub fn matches(&self, name: &str) -> bool {
        self.include.iter().any(|p| p.regex.is_match(name))
            && !self.exclude.iter().any(|p| p.regex.is_match(name))
    }

    /// The include patterns as written.
    pub fn include_patterns(&self) -> impl Iterator<Item = &str> {
        self.include.iter().map(|p| p.text.as_str())
    }

    /// The include patterns, as written, that describe names and match none of these.
    pub fn unmatched(&self, names: &[&str]) -> Vec<&str> {
        let described = self.include.iter().filter(|p| literal(&p.text).is_none());
        described
            .filter(|p| !names.iter().any(|name| p.regex.is_match(name)))
            .map(|p| p.text.as_str())
            .collect()
    }

    /// Names that were written out rather than described: an include pattern without operators (a dot is
    /// taken for a dot), not excluded.
    pub fn literal_names(&self) -> Vec<String> {
        self.include.iter().filter_map(|p| literal(&p.text)).filter(|name| self.matches(name)).collect()
    }

    /// Those of them whose pattern matches no other of these names that is not written out itself: `orders.` beside
    /// `orders1` is a description.
    pub fn literal_names_beside(&self, names: &[&str]) -> Vec<String> {
        let written: Vec<String> = self.include.iter().filter_map(|p| literal(&p.text)).collect();
        let others: Vec<&&str> =
            names.iter().filter(|name| !written.iter().any(|own| own.as_str() == **name)).collect();
        let describes = |pattern: &Pattern| others.iter().any(|name| pattern.regex.is_match(name));
        let literals = self.include.iter().filter_map(|p| Some((p, literal(&p.text)?)));
        let meant = literals.filter(|(p, name)| self.matches(name) && !describes(p));
        meant.map(|(_, name)| name).collect()
    }
}

impl std::fmt::Debug for NameFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|p| p.text.clone()).collect::<Vec<_>>();
        f.debug_struct("NameFilter")
            .field("include", &texts(&self.include))
            .field("exclude", &texts(&self.exclude))
            .finish()
    }
}

fn compile(key: &str, patterns: &[String]) -> Result<Vec<Pattern>, ConfigError> {
    let mut out = Vec::with_capacity(patterns.len());
    for (index, text) in patterns.iter().enumerate() {
        // Compiled alone first: `^(?:a)(b)$` must not repair an unbalanced `a)(b`.
        let regex = Regex::new(text).and_then(|_| Regex::new(&format!(r"\A(?:{text})\z"))).map_err(|e| {
            let reason = e.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            ConfigError::value(
                format!("{key}[{index}]"),
                format!("`{text}` is not a regular expression: {last}"),
            )
        })?;
        out.push(Pattern { text: text.clone(), regex });
    }
    Ok(out)
}

fn literal(pattern: &str) -> Option<String> {
    let unescaped = pattern.replace(r"\.", ".").replace(r"\-", "-");
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@' | '/');
    (!unescaped.is_empty() && unescaped.chars().all(plain)).then_some(unescaped)
}
