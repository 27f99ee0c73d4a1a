//! How a command that could not do its work says so: one line what, one line what to do next. Decides no verdict.

use std::error::Error;

/// Why a command ended without a result.
#[derive(Debug)]
pub struct Failure {
    /// 1 or 2 (the README's table); never one of the codes that a verdict has.
    pub exit_code: i32,
    /// What happened, where, and its causes; one line.
    message: String,
    /// What to do.
    next: String,
}

impl Failure {
    /// `message` and `next` are made one line each.
    pub fn new(exit_code: i32, message: &str, next: &str) -> Self {
        Self { exit_code, message: one_line(message), next: one_line(next) }
    }

    /// From an error and all that caused it.
    pub fn from_error(exit_code: i32, error: &dyn Error, next: &str) -> Self {
        Self::new(exit_code, &with_causes(error), next)
    }

    /// Puts `cannot <doing>: ` in front.
    pub fn while_doing(mut self, doing: &str) -> Self {
        self.message = format!("cannot {doing}: {}", self.message);
        self
    }

    /// To stderr. A closed stderr is no reason to panic.
    pub fn print(&self) {
        crate::logs::line(&self.text());
    }

    fn text(&self) -> String {
        format!("error: {}\nnext: {}", self.message, self.next)
    }
}

/// The error and its causes, outermost first. A cause whose text is already there is not repeated.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Chain(&'static str, Option<Box<Chain>>);

    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Chain {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn a_failure_is_two_lines_and_names_every_cause_once() {
        let error = Chain(
            "cannot read orders-3",
            Some(Box::new(Chain("orders-3", Some(Box::new(Chain("connection\n  refused", None)))))),
        );
        let failure = Failure::from_error(1, &error, "check the\naddress");
        assert_eq!(
            failure.text(),
            "error: cannot read orders-3: connection refused\nnext: check the address"
        );
    }
}
