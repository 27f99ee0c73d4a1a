//! `cutproof offsets translate`: what offsets of one side are on the other, by a finished run's map. Asks no cluster;
//! `progress`, which does, is next door.

use std::path::Path;

use cutproof_reports::offsets::{Offsets, OffsetsOf, Translation, TranslationState};
use cutproof_reports::show;

use crate::args::{Format, OffsetsArguments, OffsetsCommand, SideName, TranslateArguments};
use crate::failure::Failure;
use crate::output;

/// Does what was typed after `offsets`.
pub fn offsets(arguments: &OffsetsArguments) -> Result<i32, Failure> {
    match &arguments.command {
        OffsetsCommand::Translate(arguments) => translate(arguments),
        OffsetsCommand::Progress(arguments) => super::progress::progress(arguments),
    }
}

/// Exit code 0 where every offset has an answer, else 12: an answer that is not known must not look like one.
fn translate(arguments: &TranslateArguments) -> Result<i32, Failure> {
    let asked: Vec<Position> =
        arguments.positions.iter().map(|text| position(text)).collect::<Result<_, _>>()?;
    let offsets = load(&arguments.run)?;
    let of = match arguments.from {
        SideName::Source => OffsetsOf::Source,
        SideName::Target => OffsetsOf::Target,
    };
    let answers: Vec<Translation> =
        asked.iter().map(|at| offsets.translate(of, &at.topic, at.partition, at.offset)).collect();
    let known = answers.iter().all(|answer| answer.resume_offset.is_some());
    output::result(&match arguments.output {
        Format::Json => json(&answers)?,
        Format::Text => text(&answers, of, &offsets),
    })?;
    Ok(if known { 0 } else { 12 })
}

/// Reads what a finished run knows of offsets.
fn load(run: &Path) -> Result<Offsets, Failure> {
    Offsets::load(run).map_err(|error| {
        Failure::from_error(2, &error, "name the directory of a finished run, the one that holds run.json")
            .while_doing("translate offsets")
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Position {
    topic: String,
    partition: i32,
    offset: i64,
}

/// `orders-3:1200`. A topic may hold dashes and dots.
fn position(text: &str) -> Result<Position, Failure> {
    let parsed = text.rsplit_once(':').and_then(|(place, offset)| {
        let (topic, partition) = place.rsplit_once('-')?;
        let partition = partition.parse().ok().filter(|&partition: &i32| partition >= 0)?;
        let offset = offset.parse().ok().filter(|&offset: &i64| offset >= 0)?;
        (!topic.is_empty()).then(|| Position { topic: topic.to_owned(), partition, offset })
    });
    parsed.ok_or_else(|| {
        Failure::new(
            2,
            &format!("`{text}` is no position"),
            "write TOPIC-PARTITION:OFFSET, for example orders-3:1200",
        )
    })
}

fn json(answers: &[Translation]) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(answers)
        .map_err(|error| Failure::from_error(1, &error, "report this as a defect of Cutproof"))?;
    Ok(text + "\n")
}

fn text(answers: &[Translation], of: OffsetsOf, offsets: &Offsets) -> String {
    let mut text = show::translations_table(answers, of);
    for answer in answers {
        let why = match answer.state {
            TranslationState::BeforeRange | TranslationState::AfterRange => {
                let compared = offsets
                    .pairs()
                    .find_map(|pair| match of {
                        OffsetsOf::Source if pair.source_topic == answer.topic => (pair.source_partition
                            == Some(answer.partition))
                        .then_some((pair.source_start_offset, pair.source_end_offset)),
                        OffsetsOf::Target if pair.target_topic == answer.topic => (pair.target_partition
                            == Some(answer.partition))
                        .then_some((pair.target_start_offset, pair.target_end_offset)),
                        _ => None,
                    })
                    .unwrap_or_default();
                let (start, end) = (compared.0.unwrap_or_default(), compared.1.unwrap_or_default());
                format!("the run compared offsets {start} to {end} of it")
            }
            TranslationState::NotCompared => "the run compared no such partition of that side".to_owned(),
            TranslationState::NotJudged => "the run did not judge all of it; run again".to_owned(),
            _ => continue,
        };
        text += &format!("{}-{}:{} is not known: {why}\n", answer.topic, answer.partition, answer.offset);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_topic_partition_and_offset_whatever_the_topic_is_called() {
        let of = |text: &str| position(text).ok().map(|at| (at.topic, at.partition, at.offset));
        assert_eq!(of("orders-3:1200"), Some(("orders".into(), 3, 1200)));
        assert_eq!(of("eu-west.pay-ments-0:0"), Some(("eu-west.pay-ments".into(), 0, 0)));
        for wrong in
            ["orders:3", "orders-3", "orders-3:", "orders-x:1", "-3:1", "orders-3:-1", "orders--1:5x", ""]
        {
            assert_eq!(position(wrong).map_err(|failure| failure.exit_code), Err(2), "{wrong}");
        }
    }
}
