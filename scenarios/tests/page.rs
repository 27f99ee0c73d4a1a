//! `docs/what-is-caught.md` is what the library's scenarios say, row by row.

use std::path::Path;

use cutproof_scenarios::{load_all, table};

/// Writes nothing: the page comes from scenarios that were played, with `cutproof scenario run --table`.
#[test]
fn each_row_of_the_page_is_a_scenario_of_the_library_and_each_scenario_with_a_row_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(here.join("../docs/what-is-caught.md")).expect("the page");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .filter(|line| !line.starts_with("| ---"))
        .collect();
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
        assert!(line.contains(&format!("| {} |", row.found.as_str())), "another answer: {line}");
        if let Some(why) = &row.why {
            assert!(line.contains(why.as_str()), "another reason than `{why}`: {line}");
        }
    }
    assert_eq!(rows.len(), expected, "the page has rows of scenarios that are gone");
    assert!(!page.contains("**not"), "the page tells of scenarios that were not as expected");
}
