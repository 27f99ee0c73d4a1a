//! `cutproof run` against the limit: a bare librdkafka batch drain of both topics, on the same brokers, in turn.
//!
//! `cargo build --release && cargo bench -p cutproof --bench proof -- [--records N] [--bytes N] [--partitions N]
//! [--target-partitions N] [--rounds N] [--compression none|lz4|zstd] [--brokers real|embedded] [--keys N] [--lag N]
//! [--duplicate-block N] [--diverging-every N] [--diverging values|all] [--contract TEXT] [--memory TEXT]
//! [--against-limit yes|no] [--python PATH] [--kcat PATH]`
//!
//! `--keys 0`: every key once. The target lacks the last `--lag` records, holds the first `--duplicate-block` ones a
//! second time after its middle, and every `--diverging-every`-th record differs: its value, or with `--diverging all`
//! in turn its value, its absence, a record beside it, a second copy, a swap with the next one, a header, its
//! timestamp, a tombstone. `--contract 'partitions: by_key'`: keys of the contract. `--memory` is `limits.memory`.
//! `--against-limit no` measures the runs alone. Rivals in the same rounds: `--python`, an interpreter that has
//! confluent-kafka (`python3 -m venv V && V/bin/pip install confluent-kafka`), compares dicts; `--kcat`, a kcat
//! (`apt-get install kcat`), prints both topics as lines, which `sort` and `cmp` compare.
//! Prints medians of interleaved rounds as ratios, and the answers beside the times. Asserts the answers, never a time.

use std::process::{Command, ExitCode};

mod drain;
mod kcat;
mod measure;
mod settings;
mod setup;

use measure::{Measured, measure};
use settings::Settings;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("--drain") => drain::drain_both(&args[1..]),
        Some("--measure") => return measure::measure_child(&args[1..]),
        _ => {
            if let Err(error) = bench(&Settings::parse(&args)) {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn bench(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let clusters = setup::clusters(settings)?;
    let [source, target] = clusters.bootstrap_servers();
    let directory = tempfile::tempdir()?;
    let config = setup::config(directory.path(), &source, &target, settings)?;
    let own = std::env::current_exe()?;
    let binary = own.ancestors().nth(2).ok_or("no target directory")?.join("cutproof");
    if !binary.exists() {
        return Err(format!("{} is not there: run `cargo build --release` first", binary.display()).into());
    }
    let partitions = settings.partitions.to_string();
    let target_partitions = settings.target_partitions.to_string();
    let drain = || {
        let mut command = Command::new(&own);
        command.args(["--drain", &source, &target, "bench", &partitions, &target_partitions]);
        command
    };
    let run = || {
        let mut command = Command::new(&binary);
        command.args(["run", "--quiet", "-c"]).arg(&config).arg("--out").arg(directory.path());
        command
    };
    println!("{settings}");
    let rival = |python: &String| {
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/proof/dict_diff.py"));
        command.args([&source, &target, "bench", &partitions]);
        command
    };
    let (mut drains, mut runs, mut rivals, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
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
        if let Some(kcat) = &settings.kcat {
            lines.push(measure(kcat::lines(kcat, &source, &target, directory.path()))?);
        }
    }
    let contenders = [("drain", &drains), ("run", &runs), ("dicts", &rivals), ("kcat", &lines)];
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
    for (others, name) in [(&drains, "the limit's"), (&rivals, "the dicts'"), (&lines, "kcat's")] {
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
    let expected = format!("{} records", settings.records + setup::copies(settings).count());
    if let Some(wrong) = drains.iter().find(|row| !row.answer().starts_with(&expected)) {
        return Err(format!("the drain read {:?}, not {expected}", wrong.answer()).into());
    }
    if let Some(wrong) = rivals.iter().find(|row| row.exit_code != Some(0)) {
        return Err(format!("the dicts ended with {:?}: {}", wrong.exit_code, wrong.answer()).into());
    }
    if let Some(wrong) = lines.iter().find(|row| row.exit_code != Some(0)) {
        return Err(format!("kcat ended with {:?}: {}", wrong.exit_code, wrong.answer()).into());
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
