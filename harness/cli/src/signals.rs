//! SIGINT and SIGTERM: the first asks the run to stop and leave what it knows, the second ends the process at once.

use cutproof::cancel::CancelToken;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Listens until the process ends. From here on no signal of the two kills the process by itself.
pub fn listen(cancel: CancelToken) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::from_error(1, &error, "run again; without it a signal would lose what was read")
            .while_doing("listen for SIGINT and SIGTERM")
    };
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                // As shells number it: 130 and 143.
                let code = 128 + signal;
                if let Some(first) = cancel.cancelled() {
                    signal_hook::low_level::exit(first);
                }
                cancel.cancel(code);
                crate::logs::line(
                    "stopping: writing what is known so far; the same signal again ends at once",
                );
            }
        })
        .map_err(failed)?;
    Ok(())
}
