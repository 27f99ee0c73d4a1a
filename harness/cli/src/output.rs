//! Writes results to stdout. A reader that went away (`| head`) is no error and changes no exit code.

use std::io::{self, Write};

use crate::failure::Failure;

/// Writes a result as it is.
pub fn result(text: &str) -> Result<(), Failure> {
    written(write(io::stdout().lock(), text))
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn written(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            1,
            &error.to_string(),
            "make room where stdout is written to; the run directory holds the same result",
        )
        .while_doing("write the result")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_error_but_a_full_disk_is() {
        assert!(written(Ok(())).is_ok());
        assert!(written(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert_eq!(written(Err(io::ErrorKind::StorageFull.into())).map_err(|f| f.exit_code), Err(1));
    }
}
