//! What can be typed. Parses only; commands say what it means.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Proves, before a Kafka cutover, that every consumer group can resume on the target at the right record.
#[derive(Debug, Parser)]
#[command(name = "cutproof", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 all gates pass, 1 could not complete, 2 bad flags or configuration, 10 no-go, \
                        11 conditional (only with --conditional), 12 inconclusive, 130/143 stopped. `cutproof explain CODE` says more."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One command each; its file under `commands/` has the same name.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Two embedded clusters, planted defects, one proof; needs no Kafka
    Demo(DemoArguments),
    /// Write a commented cutproof.yaml
    Init(InitArguments),
    /// Show clusters, pairs, positions and ranges; reads no record of a topic that is compared
    Plan(PlanArguments),
    /// The proof: plan, read, compare, report, gate
    Run(RunArguments),
    /// Translate offsets by a finished run's offset map, or see how the groups get on on the target
    Offsets(OffsetsArguments),
    /// Play failure-injection scenarios, and compare what the proof says with what it must say
    Scenario(ScenarioArguments),
    /// The way back after a cutover: where each group goes on on the source, and what it leaves behind
    Rollback(RollbackArguments),
    /// Say what a finding, cause, position state, exit code or error means and what to do
    Explain(ExplainArguments),
}

/// `cutproof demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Plant nothing: the proof must end in a match
    #[arg(long)]
    pub clean: bool,
    /// The same seed gives the same records and the same defects
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The run directory is made below this one
    #[arg(long, value_name = "DIR", default_value = "cutproof.out")]
    pub out: PathBuf,
    /// No progress on stderr; warnings and errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// `cutproof init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// Where to write it; an existing file is never overwritten
    #[arg(long, value_name = "FILE", default_value = "cutproof.yaml")]
    pub out: PathBuf,
}

/// `cutproof plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// No progress on stderr; warnings and errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// `cutproof run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// The run directory is made below this one
    #[arg(long, value_name = "DIR", default_value = "cutproof.out")]
    pub out: PathBuf,
    /// Go on with the run in this directory from its last checkpoint, with the same configuration
    #[arg(long, value_name = "RUN_DIR", conflicts_with = "out")]
    pub resume: Option<PathBuf>,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// End with 11 instead of 0 where the go rests on an allowance or on a stale checkpoint, a group would do records
    /// twice, or the target does not tell whether groups have live members
    #[arg(long)]
    pub conditional: bool,
    /// No progress on stderr; warnings and errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// `cutproof offsets`.
#[derive(Debug, Args)]
pub struct OffsetsArguments {
    /// What to do
    #[command(subcommand)]
    pub command: OffsetsCommand,
}

/// What can be done with offsets.
#[derive(Debug, Subcommand)]
pub enum OffsetsCommand {
    /// What offsets of one side are on the other, both ways, many at once
    Translate(TranslateArguments),
    /// What the groups do on the target between two looks, and what remains for them
    Progress(ProgressArguments),
}

/// `cutproof offsets translate`.
#[derive(Debug, Args)]
pub struct TranslateArguments {
    /// The directory of a finished run
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    /// On which side the offsets are: from the source, where to resume on the target; from the target, where to go back to
    #[arg(long, value_enum, value_name = "SIDE")]
    pub from: SideName,
    /// Positions: the next record that a reader would read
    #[arg(value_name = "TOPIC-PARTITION:OFFSET", required = true)]
    pub positions: Vec<String>,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// `cutproof offsets progress`.
#[derive(Debug, Args)]
pub struct ProgressArguments {
    /// The directory of a finished run
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Between the two looks
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = cutproof::config::parse_duration)]
    pub interval: Duration,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// No progress on stderr; warnings and errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// `cutproof rollback`.
#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// The directory of a finished run; without it the newest complete one between the same clusters
    #[arg(long, value_name = "RUN_DIR")]
    pub run: Option<PathBuf>,
    /// Where run directories are looked for
    #[arg(long, value_name = "DIR", default_value = "cutproof.out", conflicts_with = "run")]
    pub out: PathBuf,
    /// Write group,topic,partition,offset for the source here, as kafka-consumer-groups --from-file reads it
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// No progress on stderr; warnings and errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// One of the two clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideName {
    /// The cluster that is left
    Source,
    /// The cluster that takes over
    Target,
}

/// `cutproof scenario`.
#[derive(Debug, Args)]
pub struct ScenarioArguments {
    /// What to do with scenarios.
    #[command(subcommand)]
    pub command: ScenarioCommand,
}

/// One for each thing to do with scenarios.
#[derive(Debug, Subcommand)]
pub enum ScenarioCommand {
    /// Play scenarios; 0 all as expected, 10 otherwise, 1 where one could not be played
    Run(ScenarioRunArguments),
    /// Name scenarios, their clusters, and what happens in them
    List(ScenarioPaths),
    /// Check scenarios without playing them
    Check(ScenarioPaths),
    /// Write a commented scenario that checks and plays
    New(ScenarioNewArguments),
}

/// Where scenarios are.
#[derive(Debug, Args)]
pub struct ScenarioPaths {
    /// Scenario files, or directories with .yaml files
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
}

/// `cutproof scenario new`.
#[derive(Debug, Args)]
pub struct ScenarioNewArguments {
    /// NAME.yaml is written; an existing file is never overwritten
    pub name: String,
}

/// `cutproof scenario run`.
#[derive(Debug, Args)]
pub struct ScenarioRunArguments {
    /// Scenario files, or directories with .yaml files
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the table of what is caught, as Markdown
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Keep the artefacts of every scenario, not only of those that fail
    #[arg(long)]
    pub keep: bool,
    /// In place of the seeds in the files
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Artefacts go below this directory
    #[arg(long, value_name = "DIR", default_value = "cutproof.out")]
    pub out: PathBuf,
    /// Let scenarios write to the user's own clusters (`clusters: own`)
    #[arg(long, requires = "topic_prefix")]
    pub execute: bool,
    /// What every topic and group made there begins with; they are removed afterwards
    #[arg(long, value_name = "PREFIX", requires = "execute")]
    pub topic_prefix: Option<String>,
    /// How to print the results
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// No progress on stderr; warnings and errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// `cutproof explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// A word or number from a report or an error; without one, all are listed
    pub code: Option<String>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}
