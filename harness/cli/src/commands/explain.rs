//! `cutproof explain`: looks codes up in the catalogue. Knows no run.

use crate::args::ExplainArguments;
use crate::catalogue::{self, Entry, Kind};
use crate::failure::Failure;
use crate::output;

/// Wide enough for a sentence, narrow enough for a ticket.
const COLUMNS: usize = 96;

/// Prints the entries of one code, or the list of all.
pub fn explain(arguments: &ExplainArguments) -> Result<i32, Failure> {
    let Some(code) = &arguments.code else {
        output::result(&list())?;
        return Ok(0);
    };
    let found = catalogue::look_up(code);
    if found.is_empty() {
        let nearest = catalogue::nearest(code);
        return Err(Failure::new(
            2,
            &format!("no code `{code}`; did you mean `{nearest}`?"),
            &format!("cutproof explain {nearest}; without a code it lists all"),
        ));
    }
    let text: Vec<String> = found.into_iter().map(entry).collect();
    output::result(&text.join("\n"))?;
    Ok(0)
}

fn entry(entry: &Entry) -> String {
    let Entry { kind, code, meaning, next } = entry;
    let [meaning, next] = [meaning.to_string(), format!("What to do: {next}")].map(|text| wrapped(&text));
    format!("{code} ({})\n\n{meaning}\n\n{next}\n", kind.as_str())
}

fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

fn list() -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let codes: Vec<&str> = catalogue::of_kind(kind).map(|entry| entry.code).collect();
        text += &format!("{}\n  {}\n", kind.as_str(), codes.join("\n  "));
    }
    text + "\ncutproof explain CODE says what one means and what to do\n"
}
