//! `cutproof offsets progress`: what the groups do on the target between two looks. Looks, waits, looks; commits nothing.

use cutproof::monitor::Monitor;
use cutproof::watch::{GroupProgress, Progress as Found, commits_now};
use cutproof_reports::plain;
use cutproof_reports::show::table;

use super::refusals;
use super::rollback::{count, finished, offset};
use crate::args::{Format, ProgressArguments};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// 0 where every group moves or has nothing left, 10 where one stands still or went back, 12 where it is not known.
pub fn progress(arguments: &ProgressArguments) -> Result<i32, Failure> {
    let config = refusals::load(&arguments.config)?;
    let run = finished(&arguments.run)?;
    let shown = Progress::new(arguments.quiet);
    let found = (|| {
        let clusters = cutproof::run::connect(&config)?;
        let [source, target] = &clusters;
        if let Some(why) = run.other_clusters([source, target]) {
            return Ok(Err(why));
        }
        let then = commits_now(&config, &run, target)?;
        shown.stage("wait");
        std::thread::sleep(arguments.interval);
        let now = commits_now(&config, &run, target)?;
        cutproof::watch::progress(&config, &run, [source, target], [&then, &now], &shown).map(Ok)
    })();
    shown.finish();
    let found = found.map_err(|error| refusals::from_run(&error))?.map_err(|why: String| {
        Failure::new(2, &why, "name the run between these clusters, or correct the addresses")
    })?;
    output::result(&match arguments.output {
        Format::Json => json(&found)?,
        Format::Text => text(&found),
    })?;
    Ok(found.exit_code)
}

fn json(found: &Found) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(found)
        .map_err(|error| Failure::from_error(1, &error, "report this as a defect of Cutproof"))?;
    Ok(text + "\n")
}

fn text(found: &Found) -> String {
    let Found { run_id, target, moving: _, exit_code, reasons, groups } = found;
    let mut text = format!(
        "Groups on the target \"{}\", cluster {}, by run {run_id}; exit code {exit_code}\n",
        target.alias, target.cluster_id
    );
    if !reasons.is_empty() {
        let lines: String = reasons.iter().map(|line| format!("  - {}\n", plain(line))).collect();
        text += &format!("\nReasons\n{lines}");
    }
    if groups.is_empty() {
        return text;
    }
    let header = [
        "group",
        "partition",
        "commit then",
        "now",
        "processed",
        "left, compared",
        "left, copied since",
        "left, target only",
        "movement",
        "detail",
    ];
    let rows = groups.iter().flat_map(|GroupProgress { group, positions }| {
        positions.iter().map(move |position| {
            [
                group.clone(),
                format!("{}-{}", position.target_topic, position.target_partition),
                offset(position.commit_then),
                offset(position.commit_now),
                count(position.processed_records),
                count(position.remaining_compared),
                count(position.remaining_new_copies),
                count(position.remaining_target_only),
                position.movement.as_str().to_owned(),
                position.detail.clone(),
            ]
        })
    });
    text + &format!("\n{}", table(header, rows, &[2, 3, 4, 5, 6, 7]))
}
