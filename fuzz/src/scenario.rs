//! What the fuzz target of scenario files does with a text: it is read and checked, and what was read must hold. Plays
//! nothing. Answers whether the text is a scenario.

use std::path::Path;

use cutproof_scenarios::format::{Step, parse};

/// The text of a scenario file. The same text says the same again, and is played with one proof.
pub fn scenario(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = || parse(text, Path::new("no-such-directory/scenario.yaml"));
    match (read(), read()) {
        (Ok(once), Ok(again)) => {
            assert_eq!(format!("{once:?}"), format!("{again:?}"));
            let proofs = once.steps().iter().filter(|step| matches!(step, Step::Run(_))).count();
            assert_eq!(proofs, 1);
            assert!(once.description.trim().starts_with(once.first_sentence()));
            true
        }
        (Err(once), Err(again)) => {
            assert_eq!(once.to_string(), again.to_string());
            false
        }
        _ => panic!("one text, two answers"),
    }
}
