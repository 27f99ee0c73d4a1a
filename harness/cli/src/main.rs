//! The `cutproof` command: reads the arguments, calls one command, ends with its exit code. Proves nothing itself.

mod args;
mod catalogue;
mod commands;
mod failure;
mod logs;
mod output;
mod progress;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use args::Arguments;

/// For the C client, too: it makes and frees several small pieces for each record, on two threads.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // Help and version go to stdout with code 0, everything else to stderr with code 2.
            let _ = refusal.print();
            return exit_code(refusal.exit_code());
        }
    };
    logs::start();
    match commands::perform(arguments) {
        Ok(code) => exit_code(code),
        Err(failure) => {
            failure.print();
            exit_code(failure.exit_code)
        }
    }
}

/// Codes outside a byte can't be told to a shell; none of ours is.
fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
