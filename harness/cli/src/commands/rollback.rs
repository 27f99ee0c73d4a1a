//! `cutproof rollback`: the way back after a cutover. Prints what the engine found; writes to no cluster.

use std::path::Path;

use cutproof::watch::{
    Answer, FinishedRun, GroupWayBack, Headroom, Limit, PairSince, Place, PositionWayBack, Rollback, Span,
    WayBack,
};
use cutproof_reports::show::table;
use cutproof_reports::{ResumeRow, grouped, plain, write_resume_csv};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{refusals, reset};
use crate::args::{Format, RollbackArguments};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// 0 where every way back is open and known, 10 where one is closed, 12 where one is not known.
pub fn rollback(arguments: &RollbackArguments) -> Result<i32, Failure> {
    let config = refusals::load(&arguments.config)?;
    let named = arguments.run.as_deref().map(finished).transpose()?;
    let progress = Progress::new(arguments.quiet);
    let clusters = cutproof::run::connect(&config).map_err(|error| refusals::from_run(&error))?;
    let [source, target] = &clusters;
    let run = match named {
        Some(run) => run,
        None => newest(&arguments.out, [source.cluster_id(), target.cluster_id()])?,
    };
    let report = cutproof::watch::rollback(&config, &run, [source, target], &progress);
    progress.finish();
    let report = report.map_err(|error| refusals::from_run(&error))?;
    let mut text = match arguments.output {
        Format::Json => json(&report)?,
        Format::Text => text(&report),
    };
    if let Some(file) = &arguments.csv {
        let rows = rows(&report);
        write(file, &rows)?;
        let groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
        let how = match rows.is_empty() {
            true => format!("\n{} is empty: no position is to be reset\n", file.display()),
            false => format!(
                "\nTo send the groups back (stopped on both sides)\n{}",
                reset::command(&config.source, &groups, file)
            ),
        };
        match arguments.output {
            Format::Text => text += &how,
            // stdout is the JSON alone.
            Format::Json => crate::logs::line(how.trim_end()),
        }
    }
    output::result(&text)?;
    Ok(report.exit_code)
}

/// A run that was named. It must be finished and complete.
pub fn finished(directory: &Path) -> Result<FinishedRun, Failure> {
    const NEXT: &str = "name the directory of a finished run, the one that holds run.json";
    FinishedRun::load(directory)
        .map_err(|error| Failure::from_error(2, &error, NEXT).while_doing("read the run"))
}

fn newest(below: &Path, cluster_ids: [&str; 2]) -> Result<FinishedRun, Failure> {
    let found = FinishedRun::newest(below, cluster_ids).map_err(|error| {
        Failure::from_error(2, &error, "name a run with --run").while_doing("look for the newest run")
    })?;
    found.ok_or_else(|| {
        let [source, target] = cluster_ids;
        Failure::new(
            2,
            &format!("no complete run between clusters {source} and {target} below {}", below.display()),
            "name one with --run; the way back needs the offset map of a run before the cutover",
        )
    })
}

/// What is to be set on the source: only ways that are open and lead away from the group's commit there.
fn rows(report: &Rollback) -> Vec<ResumeRow> {
    let mut rows = Vec::new();
    for GroupWayBack { group, positions, .. } in &report.groups {
        for position in positions.iter().filter(|position| position.way_back == WayBack::Open) {
            if let (Some(topic), Some(partition), Some(offset)) =
                (&position.source_topic, position.source_partition, position.source_offset)
            {
                rows.push(ResumeRow { group: group.clone(), topic: topic.clone(), partition, offset });
            }
        }
    }
    rows
}

fn write(file: &Path, rows: &[ResumeRow]) -> Result<(), Failure> {
    write_resume_csv(file, rows).map_err(|error| {
        Failure::from_error(1, &error, "name a file that can be written with --csv")
            .while_doing("write the offsets")
    })
}

fn json(report: &Rollback) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Failure::from_error(1, &error, "report this as a defect of Cutproof"))?;
    Ok(text + "\n")
}

fn text(report: &Rollback) -> String {
    let Rollback {
        run_id,
        run_directory: _,
        source,
        target,
        barrier,
        open,
        exit_code,
        reasons,
        warnings,
        pairs,
        groups,
    } = report;
    let answer = match open {
        Answer::Yes => "THE WAY BACK IS OPEN",
        Answer::No => "THE WAY BACK IS CLOSED for at least one position",
        Answer::NotKnown => "THE WAY BACK IS NOT KNOWN for at least one position",
    };
    let mut text = format!("{answer}; exit code {exit_code}\n");
    for (side, cluster) in [("source", source), ("target", target)] {
        text += &format!("  {side} \"{}\", cluster {}\n", cluster.alias, cluster.cluster_id);
    }
    text += &format!("  by run {run_id}, which compared up to {}\n", barrier.target_ends_at);
    for (title, lines) in [("Reasons", reasons), ("Warnings", warnings)] {
        if !lines.is_empty() {
            let lines: String = lines.iter().map(|line| format!("  - {}\n", plain(line))).collect();
            text += &format!("\n{title}\n{lines}");
        }
    }
    if !pairs.is_empty() {
        text += &format!("\nSince the run\n{}", pairs_table(pairs));
    }
    if !groups.is_empty() {
        text += &format!("\nGroups\n{}", groups_table(groups));
    }
    text
}

fn pairs_table(pairs: &[PairSince]) -> String {
    let header = [
        "pair",
        "target only",
        "first",
        "last",
        "to copy back",
        "new on source",
        "not on target",
        "first",
        "last",
    ];
    let rows = pairs.iter().map(|pair| {
        let [target_only, new] = [&pair.target_only, &pair.new_on_source].map(Option::as_ref);
        let end =
            |span: Option<&Span>, of: fn(&Span) -> Option<Place>| span.and_then(of).map_or(none(), place);
        [
            format!(
                "{}-{} -> {}-{}",
                pair.source_topic, pair.source_partition, pair.target_topic, pair.target_partition
            ),
            count(target_only.map(|span| span.records)),
            end(target_only, |span| span.first),
            end(target_only, |span| span.last),
            count(pair.copy_back_records),
            count(new.map(|span| span.records)),
            count(pair.only_on_source_records),
            end(new, |span| span.first),
            end(new, |span| span.last),
        ]
    });
    table(header, rows, &[1, 4, 5, 6])
}

fn groups_table(groups: &[GroupWayBack]) -> String {
    let header = [
        "group",
        "on the target",
        "commit",
        "source commit",
        "go back to",
        "way back",
        "target only, processed",
        "not processed",
        "source keeps it",
        "target keeps it",
        "detail",
    ];
    let rows = groups.iter().flat_map(|GroupWayBack { group, positions, .. }| {
        positions.iter().map(move |position| {
            let PositionWayBack { source_topic, source_partition, source_offset, .. } = position;
            let back = match (source_topic, source_partition, source_offset) {
                (Some(topic), Some(partition), Some(offset)) => format!("{topic}-{partition}:{offset}"),
                _ => none(),
            };
            [
                group.clone(),
                format!("{}-{}", position.target_topic, position.target_partition),
                offset(position.target_commit),
                offset(position.source_commit),
                back,
                position.way_back.as_str().to_owned(),
                count(position.target_only_processed),
                count(position.target_only_not_processed),
                headroom(position.source_headroom.as_ref()),
                headroom(position.target_headroom.as_ref()),
                position.detail.clone(),
            ]
        })
    });
    table(header, rows, &[2, 3, 6, 7])
}

fn none() -> String {
    "-".to_owned()
}

/// A count of records, or that it is none to state.
pub fn count(records: Option<u64>) -> String {
    records.map_or_else(none, grouped)
}

/// An offset, or that there is none.
pub fn offset(offset: Option<i64>) -> String {
    offset.map_or_else(none, |offset| offset.to_string())
}

fn place(Place { offset, timestamp }: Place) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(timestamp) * 1_000_000);
    match at.ok().filter(|_| timestamp >= 0).and_then(|at| at.format(&Rfc3339).ok()) {
        Some(at) => format!("{offset} ({at})"),
        None => offset.to_string(),
    }
}

/// `for 3 d 4 h (time)`, `about` in front of an estimate.
fn headroom(headroom: Option<&Headroom>) -> String {
    match headroom {
        None => none(),
        Some(Headroom::Never { .. }) => "for ever".to_owned(),
        Some(Headroom::NoRecord) => "no record there yet".to_owned(),
        Some(Headroom::Gone) => "deleted".to_owned(),
        Some(Headroom::NotKnown { detail }) => format!("not known: {detail}"),
        Some(Headroom::Remaining { seconds, by, estimate, detail: _ }) => {
            let about = if *estimate { "about " } else { "" };
            let by = match by {
                Limit::Time => "retention.ms",
                Limit::Size => "retention.bytes",
            };
            format!("for {about}{} ({by})", span(*seconds))
        }
    }
}

/// The two largest units.
fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (length, unit) in units {
        if left >= length && parts.len() < 2 {
            parts.push(format!("{} {unit}", left / length));
        }
        left %= length;
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headroom_is_told_in_its_two_largest_units_and_an_estimate_is_called_one() {
        assert_eq!([0, 59, 61, 7_200, 90_061].map(span), ["0 s", "59 s", "1 min 1 s", "2 h", "1 d 1 h"]);
        let size =
            Headroom::Remaining { seconds: 61, by: Limit::Size, estimate: true, detail: String::new() };
        assert_eq!(headroom(Some(&size)), "for about 1 min 1 s (retention.bytes)");
    }

    #[test]
    fn a_place_shows_its_time_where_the_record_has_one() {
        assert_eq!(place(Place { offset: 7, timestamp: 0 }), "7 (1970-01-01T00:00:00Z)");
        assert_eq!(place(Place { offset: 7, timestamp: -1 }), "7");
    }
}
