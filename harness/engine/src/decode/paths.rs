//! Says where two values differ, by path. Holds names from schemas, never a value and never the key of a map.

/// One step into a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// A field of a record.
    Field(&'a str),
    /// A name in a JSON object: shown only if it looks like a field name, since it may be data.
    Name(&'a str),
    /// An item of an array.
    Item(usize),
    /// Any item: where schemas are compared.
    Items,
    /// An entry of a map. Its key is data and is not shown.
    Entry,
}

/// Collects paths: counts all, keeps a few.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    at: Vec<Step<'a>>,
    kept: Vec<String>,
    kept_max: usize,
    more: u64,
}

/// How many paths a finding names before "... and k more".
pub(super) const KEPT_PATHS: usize = 16;

impl<'a> Paths<'a> {
    pub(super) fn new() -> Self {
        Self { at: Vec::new(), kept: Vec::new(), kept_max: KEPT_PATHS, more: 0 }
    }

    /// Does `work` one step further in.
    pub(super) fn within<R>(&mut self, step: Step<'a>, work: impl FnOnce(&mut Self) -> R) -> R {
        self.at.push(step);
        let done = work(self);
        self.at.pop();
        done
    }

    /// Notes that the two sides differ here; `why` may be empty.
    pub(super) fn differ(&mut self, why: &str) {
        if self.kept.len() >= self.kept_max {
            self.more += 1;
            return;
        }
        let mut text = render(&self.at);
        if !why.is_empty() {
            text = format!("{text} ({why})");
        }
        if !self.kept.contains(&text) {
            self.kept.push(text);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The paths kept, and how many were not.
    pub(super) fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.kept.push(format!("... and {} more", self.more));
        }
        self.kept
    }
}

/// `order.lines[2].price`; the value as a whole is `(whole value)`.
pub(super) fn render(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Field(name) => push_name(&mut text, name),
            Step::Name(name) if looks_like_a_field(name) => push_name(&mut text, name),
            Step::Name(name) => push_name(&mut text, &format!("{{name of {} bytes}}", name.len())),
            Step::Item(index) => text.push_str(&format!("[{index}]")),
            Step::Items => text.push_str("[]"),
            Step::Entry => text.push_str("{}"),
        }
    }
    if text.is_empty() { "(whole value)".to_owned() } else { text }
}

fn push_name(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    text.push_str(name);
}

fn looks_like_a_field(name: &str) -> bool {
    let mut chars = name.chars();
    name.len() <= 64
        && chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_field_access() {
        let steps = [Step::Field("order"), Step::Field("lines"), Step::Item(2), Step::Field("price")];
        assert_eq!(render(&steps), "order.lines[2].price");
        assert_eq!(render(&[Step::Field("tags"), Step::Entry, Step::Field("x")]), "tags{}.x");
        assert_eq!(render(&[]), "(whole value)");
    }

    #[test]
    fn a_name_that_may_be_data_is_not_shown() {
        assert_eq!(render(&[Step::Name("unit_price")]), "unit_price");
        assert_eq!(render(&[Step::Name("ada@example.org")]), "{name of 15 bytes}");
        assert_eq!(render(&[Step::Name("4111111111111111")]), "{name of 16 bytes}");
    }

    #[test]
    fn all_are_counted_and_few_are_kept() {
        let mut paths = Paths::new();
        for index in 0..KEPT_PATHS + 5 {
            paths.within(Step::Item(index), |p| p.differ(""));
        }
        let list = paths.into_list();
        assert_eq!(list.len(), KEPT_PATHS + 1);
        assert_eq!(list.last().unwrap(), "... and 5 more");
    }

    #[test]
    fn the_same_path_is_kept_once() {
        let mut paths = Paths::new();
        paths.within(Step::Entry, |p| p.differ("x"));
        paths.within(Step::Entry, |p| p.differ("x"));
        assert_eq!(paths.into_list(), ["{} (x)"]);
    }
}
