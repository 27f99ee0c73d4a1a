//! `docs/what-is-caught.md` is what the library's scenarios say, row by row. Plays none: that its rows are those of
//! scenarios that were played is seen where these are played.

use std::path::Path;

use cutproof_reports::{FindingKind, PositionState};
use cutproof_scenarios::format::{Expect, FindingItem};
use cutproof_scenarios::{load_all, table};

#[test]
fn each_row_of_the_page_is_a_scenario_of_the_library_and_each_scenario_with_a_row_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(here.join("../docs/what-is-caught.md")).expect("the page");
    let rows = table::rows_of(&page);
    let scenarios =
        load_all(&["embedded", "real"].map(|kind| here.join("library").join(kind))).expect("the library");
    let mut expected = 0;
    for loaded in &scenarios {
        let Some(row) = &loaded.scenario.table else { continue };
        expected += 1;
        let head = table::row_head(&loaded.name, row);
        let line = rows.iter().find(|line| line.starts_with(&head));
        let line =
            line.unwrap_or_else(|| panic!("the page has no row {head}; play the library with --table"));
        let rest = line.strip_prefix(&head).unwrap_or_default();
        let answer = format!(" | {} | ", row.found.as_str());
        let (check, _) = rest.split_once(&answer).unwrap_or_else(|| panic!("another answer: {line}"));
        let wrong = wrong_in_check(check.trim(), &loaded.scenario.expect);
        assert_eq!(wrong, Vec::<String>::new(), "another check: {line}");
        if let Some(why) = &row.why {
            assert!(line.contains(why.as_str()), "another reason than `{why}`: {line}");
        }
    }
    assert_eq!(rows.len(), expected, "the page has rows of scenarios that are gone");
    assert!(!page.contains("**not"), "the page tells of scenarios that were not as expected");
}

/// What a cell says otherwise than the scenario expects. Findings that the player derives are of some kind.
fn wrong_in_check(check: &str, expect: &Expect) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |told: bool, what: String| {
        if check.contains(&what) != told {
            wrong.push(format!("{what} is {}", if told { "not told" } else { "told" }));
        }
    };
    let mut described = Vec::new();
    let mut derived = false;
    for item in expect.findings.iter().flatten() {
        match item {
            FindingItem::One(finding) => described.push(finding),
            FindingItem::Word(_) => derived = true,
        }
    }
    for kind in FindingKind::ALL {
        let told = described.iter().any(|finding| finding.kind == kind);
        if told || !derived {
            must(told, format!("`{kind}`"));
        }
    }
    for finding in &described {
        for part in finding.parts.iter().flatten() {
            must(true, part.as_str().to_owned());
        }
        if let Some(cause) = &finding.cause {
            must(true, format!("cause `{cause}`"));
        }
    }
    for state in expect.groups.iter().filter_map(|group| group.state) {
        if state != PositionState::Judged {
            must(true, format!("position `{}`", state.as_str()));
        }
    }
    if expect.groups.iter().any(|group| group.skip.is_some_and(|skip| !skip.holds(0))) {
        must(true, "skip".to_owned());
    }
    if derived && !FindingKind::ALL.iter().any(|kind| check.contains(&format!("`{kind}`"))) {
        wrong.push("no finding is told".to_owned());
    }
    match (check.strip_prefix("verdict "), check.strip_prefix("refused, exit code ")) {
        (Some(verdict), _) if expect.verdict.is_none_or(|expected| expected.as_str() != verdict) => {
            wrong.push(format!("verdict {verdict} is told"));
        }
        (_, Some(code))
            if expect.error.is_none()
                || expect.exit_code.map(|code| code.to_string()).as_deref() != Some(code) =>
        {
            wrong.push(format!("exit code {code} is told"));
        }
        _ => {}
    }
    wrong
}

#[test]
fn a_cell_that_says_something_else_is_noticed() {
    let expect = |text: &str| cutproof::config::from_yaml::<Expect>(text).expect("an expectation");
    let lost = expect(
        "{ verdict: divergent, findings: [{ kind: missing_record }], groups: [{ group: g, skip: 3 }] }",
    );
    assert_eq!(wrong_in_check("`missing_record` skip", &lost), Vec::<String>::new());
    assert_eq!(wrong_in_check("`missing_record`", &lost), ["skip is not told"]);
    assert_eq!(
        wrong_in_check("`missing_record` `duplicate_record` skip", &lost),
        ["`duplicate_record` is told"]
    );
    assert_eq!(wrong_in_check("verdict match", &lost).len(), 3);
    let none =
        expect("{ verdict: inconclusive, findings: [], groups: [{ group: g, state: no_offset_sync }] }");
    assert_eq!(wrong_in_check("position `no_checkpoint`", &none), ["position `no_offset_sync` is not told"]);
    let some = expect("{ verdict: divergent, findings: [planted] }");
    assert_eq!(wrong_in_check("`missing_record`", &some), Vec::<String>::new());
    assert_eq!(wrong_in_check("verdict divergent", &some), ["no finding is told"]);
    let refused = expect("{ exit_code: 2, error: needs more }");
    assert_eq!(wrong_in_check("refused, exit code 1", &refused), ["exit code 1 is told"]);
}
