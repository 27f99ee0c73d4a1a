//! Results as JUnit XML, for CI.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::result::{Outcome, ScenarioResult};

/// The text of a report with one test case for each scenario.
pub fn junit(results: &[ScenarioResult]) -> String {
    let mut suite = TestSuite::new("scenarios");
    for result in results {
        let status = match &result.outcome {
            Outcome::AsExpected => TestCaseStatus::success(),
            Outcome::Unexpected(lines) => {
                failed(NonSuccessKind::Failure, "the proof did not say what was expected", &lines.join("\n"))
            }
            Outcome::CouldNotRun(reason) => failed(NonSuccessKind::Error, "could not be played", reason),
        };
        let mut case = TestCase::new(result.name.as_str(), status);
        case.set_classname("cutproof.scenario").set_time(result.duration);
        if let Some(artefacts) = &result.artefacts {
            case.set_system_out(format!("artefacts: {}", artefacts.display()));
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new("cutproof");
    report.add_test_suite(suite);
    report.to_string().unwrap_or_default()
}

fn failed(kind: NonSuccessKind, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message).set_description(description);
    status
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn failures_and_errors_are_told_apart_and_escaped() {
        let result = |name: &str, outcome| ScenarioResult {
            name: name.into(),
            description: String::new(),
            outcome,
            duration: Duration::from_millis(1_500),
            said: None,
            artefacts: None,
            table: None,
        };
        let text = junit(&[
            result("good", Outcome::AsExpected),
            result("bad", Outcome::Unexpected(vec!["a < b".into()])),
            result("broken", Outcome::CouldNotRun("no java".into())),
        ]);
        assert!(text.contains(r#"tests="3""#) && text.contains(r#"failures="1""#), "{text}");
        assert!(
            text.contains(r#"errors="1""#) && text.contains("a &lt; b") && text.contains("1.500"),
            "{text}"
        );
    }
}
