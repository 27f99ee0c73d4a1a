//! `cutproof init`: writes a commented configuration. Overwrites nothing, asks nothing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::args::InitArguments;
use crate::failure::Failure;
use crate::output;

/// Writes the file and says where it is.
pub fn init(arguments: &InitArguments) -> Result<i32, Failure> {
    let path = &arguments.out;
    write_new(path, cutproof::config::init_template(), "name another file with --out")?;
    let shown = path.display();
    output::result(&format!(
        "wrote {shown}\nnext: set both bootstrap_servers, then run `cutproof plan -c {shown}`\n"
    ))?;
    Ok(0)
}

/// Makes the file; `other`: how to name another one.
pub(super) fn write_new(path: &Path, text: &str, other: &str) -> Result<(), Failure> {
    let doing = format!("write {}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let (code, next) = match error.kind() {
            ErrorKind::AlreadyExists => (2, format!("{other}, or remove this one")),
            ErrorKind::NotFound => (2, format!("make the directory first, or {other}")),
            _ => (1, other.to_owned()),
        };
        Failure::from_error(code, &error, &next).while_doing(&doing)
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        Failure::from_error(1, &error, "remove the unfinished file and try again").while_doing(&doing)
    })
}
