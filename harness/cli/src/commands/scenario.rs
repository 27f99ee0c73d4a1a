//! `cutproof scenario`: plays, lists, checks and begins scenarios. The player plays and the judge judges; this shows.

use std::path::{Path, PathBuf};

use cutproof::cancel::CancelToken;
use cutproof::monitor::Silent;
use cutproof_scenarios::{
    Audience, Loaded, Permission, PlayOptions, Player, ScenarioError, ScenarioResult, exit_code, find, junit,
    load, load_all, playing_order, table, template, text,
};

use super::init::write_new;
use crate::args::{Format, ScenarioArguments, ScenarioCommand, ScenarioRunArguments};
use crate::failure::Failure;
use crate::{logs, output, signals};

/// Does one of the four things.
pub fn scenario(arguments: &ScenarioArguments) -> Result<i32, Failure> {
    match &arguments.command {
        ScenarioCommand::Run(arguments) => run(arguments),
        ScenarioCommand::List(arguments) => {
            output::result(&text::list(&loaded(&arguments.paths)?))?;
            Ok(0)
        }
        ScenarioCommand::Check(arguments) => check(&arguments.paths),
        ScenarioCommand::New(arguments) => new(&arguments.name),
    }
}

fn loaded(paths: &[PathBuf]) -> Result<Vec<Loaded>, Failure> {
    load_all(paths).map_err(|error| refused(&error))
}

fn refused(error: &ScenarioError) -> Failure {
    let next = match error {
        ScenarioError::Read { .. } | ScenarioError::None { .. } => {
            "name files or directories that hold scenarios"
        }
        ScenarioError::Format { .. } | ScenarioError::Senseless { .. } => {
            "correct the place that is named; `cutproof scenario new NAME` writes a commented example"
        }
        ScenarioError::NotPermitted(_) => "look at the scenario before you let it write to your clusters",
        ScenarioError::Step { .. } | ScenarioError::Stopped => "play the scenario again",
    };
    // What cannot be read was named wrongly.
    let code = if matches!(error, ScenarioError::Read { .. }) { 2 } else { error.exit_code() };
    Failure::from_error(code, error, next)
}

/// All files, so that one wrong file does not hide the next. 2 if one is wrong.
fn check(paths: &[PathBuf]) -> Result<i32, Failure> {
    let mut code = 0;
    for found in find(paths).map_err(|error| refused(&error))? {
        match load(&found.path) {
            Ok(loaded) => output::result(&format!("ok     {}\n", loaded.path.display()))?,
            Err(error) => {
                code = 2;
                output::result(&format!("WRONG  {error}\n"))?;
            }
        }
    }
    Ok(code)
}

fn new(name: &str) -> Result<i32, Failure> {
    let path = PathBuf::from(if name.ends_with(".yaml") { name.to_owned() } else { format!("{name}.yaml") });
    write_new(&path, template(), "give another name")?;
    let shown = path.display();
    output::result(&format!("wrote {shown}\nnext: change it, then run `cutproof scenario run {shown}`\n"))?;
    Ok(0)
}

fn run(arguments: &ScenarioRunArguments) -> Result<i32, Failure> {
    let ScenarioRunArguments {
        paths,
        junit: junit_file,
        table: table_file,
        keep,
        seed,
        out,
        execute,
        topic_prefix,
        output: format,
        quiet,
    } = arguments;
    let scenarios = playing_order(loaded(paths)?);
    let permission = topic_prefix.as_ref().filter(|_| *execute).map(|prefix| prefix.trim());
    if permission.is_some_and(str::is_empty) {
        return Err(Failure::new(
            2,
            "--topic-prefix is empty",
            "choose one that none of your topics begins with",
        ));
    }
    refuse_own(&scenarios, permission.is_some())?;
    let cancel = CancelToken::default();
    signals::listen(cancel.clone())?;
    let player = Player::new(PlayOptions {
        out: out.clone(),
        keep: *keep,
        seed: *seed,
        permission: permission.map(|prefix| Permission { topic_prefix: prefix.to_owned() }),
        cancel: cancel.clone(),
    });
    let mut terminal = Terminal {
        quiet: *quiet,
        format: *format,
        total: scenarios.len(),
        cancel: cancel.clone(),
        failure: None,
    };
    let results = player.play_all(&scenarios, &Silent, &mut terminal);
    drop(player);
    if let Some(failure) = terminal.failure {
        return Err(failure);
    }
    match format {
        Format::Text => output::result(&text::summary(&results))?,
        Format::Json => output::result(&text::json(&results))?,
    }
    if let Some(file) = junit_file {
        write(file, &junit::junit(&results))?;
    }
    if let Some(file) = table_file {
        write(file, &table::table(&results))?;
    }
    Ok(cancel.cancelled().unwrap_or_else(|| exit_code(&results)))
}

/// Shows how playing goes on.
struct Terminal {
    quiet: bool,
    format: Format,
    total: usize,
    cancel: CancelToken,
    /// Why nothing more could be printed.
    failure: Option<Failure>,
}

impl Audience for Terminal {
    fn begins(&mut self, number: usize, loaded: &Loaded) {
        if !self.quiet {
            logs::line(&format!("[{}/{}] {} ...", number + 1, self.total, loaded.name));
        }
    }

    fn ended(&mut self, result: &ScenarioResult) {
        if self.format == Format::Text
            && self.failure.is_none()
            && let Err(failure) = output::result(&text::line(result))
        {
            self.failure = Some(failure);
            // Nobody would see what comes next.
            self.cancel.cancel(1);
        }
    }
}

/// Before anything is played: a refusal in the middle would leave the first half done.
fn refuse_own(scenarios: &[Loaded], permitted: bool) -> Result<(), Failure> {
    match scenarios.iter().find(|loaded| loaded.scenario.clusters.describe() == "own") {
        Some(own) if !permitted => Err(Failure::new(
            2,
            &format!(
                "{} writes to clusters of your own, and nothing is written there without your word",
                own.path.display()
            ),
            "add --execute and --topic-prefix PREFIX; topics and groups that begin with PREFIX are made, and removed afterwards",
        )),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::from_error(1, &error, "name a file that can be written")
            .while_doing(&format!("write {}", path.display()))
    })
}
