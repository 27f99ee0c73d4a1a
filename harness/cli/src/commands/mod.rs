//! One file for each command. Each returns an exit code, or a failure; none ends the process.

mod demo;
mod explain;
mod init;
mod offsets;
mod plan;
mod progress;
mod refusals;
mod reset;
mod rollback;
mod run;
mod scenario;

use crate::args::{Arguments, Command};
use crate::failure::Failure;

/// Does what was typed. Returns the process' exit code.
pub fn perform(arguments: Arguments) -> Result<i32, Failure> {
    match arguments.command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Offsets(arguments) => offsets::offsets(&arguments),
        Command::Scenario(arguments) => scenario::scenario(&arguments),
        Command::Rollback(arguments) => rollback::rollback(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
    }
}
