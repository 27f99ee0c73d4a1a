//! `cutproof run` against the limit: a bare librdkafka batch drain of both topics, on the same brokers, in turn.
//!
//! `cargo build --release && cargo bench -p cutproof --bench proof -- [--records N] [--bytes N] [--partitions N]
//! [--rounds N] [--compression none|lz4|zstd] [--brokers real|embedded] [--keys N] [--lag N] [--duplicate-block N]
//! [--diverging-every N] [--memory TEXT] [--against-limit yes|no] [--python PATH]`
//!
//! `--keys 0`: every key once. The target lacks the last `--lag` records, holds the first `--duplicate-block` ones a
//! second time after its middle, and every `--diverging-every`-th record changed. `--memory` is `limits.memory`.
//! `--against-limit no` measures the runs alone. `--python`: an interpreter that has confluent-kafka, to measure a
//! comparison by dicts in the same rounds (`python3 -m venv V && V/bin/pip install confluent-kafka`). Prints medians of interleaved rounds as ratios, and the answers beside
//! the times. Asserts the answers, never a time.

use std::process::{Command, ExitCode};

mod drain;
mod measure;
mod setup;

use measure::{Measured, measure};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.first().is_some_and(|arg| arg == "--drain") {
        drain::drain_both(&args[1..]);
        return ExitCode::SUCCESS;
    }
    if args.first().is_some_and(|arg| arg == "--measure") {
        return measure::measure_child(&args[1..]);
    }
    match bench(&Settings::parse(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Settings {
    records: usize,
    bytes: usize,
    partitions: i32,
    rounds: usize,
    compression: String,
    real: bool,
    keys: u64,
    lag: usize,
    duplicate_block: usize,
    diverging_every: usize,
    memory: Option<String>,
    against_limit: bool,
    python: Option<String>,
}

impl Settings {
    fn parse(args: &[String]) -> Self {
        let mut settings = Self {
            records: 2_000_000,
            bytes: 100,
            partitions: 4,
            rounds: 5,
            compression: "none".to_owned(),
            real: true,
            keys: 100_000,
            lag: 0,
            duplicate_block: 0,
            diverging_every: 0,
            memory: None,
            against_limit: true,
            python: None,
        };
        for pair in args.chunks(2) {
            let [name, value] = pair else { panic!("{} wants a value", pair[0]) };
            let number = || value.parse().unwrap_or_else(|_| panic!("{name} wants a number, not {value}"));
            match name.as_str() {
                "--records" => settings.records = number(),
                "--bytes" => settings.bytes = number(),
                "--partitions" => settings.partitions = number() as i32,
                "--rounds" => settings.rounds = number(),
                "--compression" => settings.compression = value.clone(),
                "--brokers" => settings.real = value == "real",
                "--keys" => settings.keys = number() as u64,
                "--lag" => settings.lag = number(),
                "--duplicate-block" => settings.duplicate_block = number(),
                "--diverging-every" => settings.diverging_every = number(),
                "--memory" => settings.memory = Some(value.clone()),
                "--python" => settings.python = Some(value.clone()),
                "--against-limit" => settings.against_limit = value == "yes",
                _ => panic!("unknown option {name}"),
            }
        }
        settings
    }

    /// What a run must end with: divergent, else inconclusive, else a go.
    fn exit_code(&self) -> i32 {
        match (self.duplicate_block + self.diverging_every, self.lag) {
            (0, 0) => 0,
            (0, _) => 12,
            _ => 10,
        }
    }
}

fn bench(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let clusters = setup::clusters(settings)?;
    let [source, target] = clusters.bootstrap_servers();
    let directory = tempfile::tempdir()?;
    let config = setup::config(directory.path(), &source, &target, settings.memory.as_deref())?;
    let own = std::env::current_exe()?;
    let binary = own.ancestors().nth(2).ok_or("no target directory")?.join("cutproof");
    if !binary.exists() {
        return Err(format!("{} is not there: run `cargo build --release` first", binary.display()).into());
    }
    let partitions = settings.partitions.to_string();
    let drain = || {
        let mut command = Command::new(&own);
        command.args(["--drain", &source, &target, "bench", &partitions]);
        command
    };
    let run = || {
        let mut command = Command::new(&binary);
        command.args(["run", "--quiet", "-c"]).arg(&config).arg("--out").arg(directory.path());
        command
    };
    println!(
        "{} records a side, {} keys, lag {}, duplicates {}, diverging every {}, {} B, {} partitions, compression {}, \
         {} brokers, {} rounds",
        settings.records,
        settings.keys,
        settings.lag,
        settings.duplicate_block,
        settings.diverging_every,
        settings.bytes,
        settings.partitions,
        settings.compression,
        if settings.real { "real" } else { "embedded" },
        settings.rounds
    );
    let rival = |python: &String| {
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/proof/dict_diff.py"));
        command.args([&source, &target, "bench", &partitions]);
        command
    };
    let (mut drains, mut runs, mut rivals) = (Vec::new(), Vec::new(), Vec::new());
    if settings.against_limit {
        // Warm-up, not counted.
        measure(drain())?;
        measure(run())?;
    }
    for _ in 0..settings.rounds {
        if settings.against_limit {
            drains.push(measure(drain())?);
        }
        runs.push(measure(run())?);
        if let Some(python) = &settings.python {
            rivals.push(measure(rival(python))?);
        }
    }
    let contenders = [("drain", &drains), ("run", &runs), ("dicts", &rivals)];
    for (name, rows) in contenders.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        let wall = median(rows, |row| row.wall.as_secs_f64());
        let cpu = median(rows, |row| row.cpu.as_secs_f64());
        let rss = median(rows, |row| row.rss_kib as f64) / 1024.0;
        let rate = settings.records as f64 * 2.0 / wall / 1e6;
        println!(
            "{name:>6}: wall {wall:.3} s ({rate:.2} M records/s)  client CPU {cpu:.3} s  peak RSS {rss:.0} MiB"
        );
        println!("        answer: {}", rows[0].answer());
    }
    for (others, name) in [(&drains, "the limit's"), (&rivals, "the dicts'")] {
        if others.is_empty() {
            continue;
        }
        let ratio = |of: fn(&Measured) -> f64| {
            let mut ratios: Vec<f64> =
                runs.iter().zip(others).map(|(run, other)| of(run) / of(other)).collect();
            ratios.sort_by(f64::total_cmp);
            ratios[ratios.len() / 2]
        };
        println!(
            "throughput {:.2}x of {name}, client CPU {:.2}x, peak RSS {:.2}x (medians of the rounds' ratios)",
            1.0 / ratio(|row| row.wall.as_secs_f64()),
            ratio(|row| row.cpu.as_secs_f64()),
            ratio(|row| row.rss_kib as f64),
        );
    }
    let expected = format!("{} records", settings.records * 2 - settings.lag + settings.duplicate_block);
    if let Some(wrong) = drains.iter().find(|row| !row.answer().starts_with(&expected)) {
        return Err(format!("the drain read {:?}, not {expected}", wrong.answer()).into());
    }
    if let Some(wrong) = rivals.iter().find(|row| row.exit_code != Some(0)) {
        return Err(format!("the dicts ended with {:?}: {}", wrong.exit_code, wrong.answer()).into());
    }
    if let Some(wrong) = runs.iter().find(|row| row.exit_code != Some(settings.exit_code())) {
        return Err(format!("a run ended with {:?}: {}", wrong.exit_code, wrong.answer()).into());
    }
    Ok(())
}

fn median(rows: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = rows.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Used by the modules.
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;
