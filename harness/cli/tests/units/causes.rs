//! Why a finding came about, where the records prove it.

use crate::logs::{Found, Lab, Log, SHAPES, findings};
use crate::support::cutproof_run;

#[test]
fn a_block_that_was_copied_twice_is_told_from_one_record_that_was() {
    const ALONE: i64 = 20;
    let lab = Lab::new();
    let mut expected: Vec<Found> = Vec::new();
    for shape in SHAPES {
        let (mut source, mut target) = (Log::default(), Log::default());
        let all: Vec<i64> = (0..300).collect();
        source.append(&lab.clusters[0], shape, 0, &all);
        // A restart from an older position, and much later one record again.
        for numbers in [0..200, 140..300, ALONE..ALONE + 1] {
            target.append(&lab.clusters[1], shape, 1, &numbers.collect::<Vec<_>>());
        }
        for n in (140..200).chain([ALONE]) {
            let cause = (n != ALONE).then(|| "resent_block".to_owned());
            let place = Some(source.places(n)[0]);
            expected.push((
                "duplicate_record".to_owned(),
                shape.topic.to_owned(),
                cause,
                place,
                Some(target.places(n)[1]),
            ));
        }
    }
    expected.sort();
    let config = lab.config("fetch.wait.max.ms: \"10\"", "range: { start: earliest, settle: 500ms }\n");
    let ended = cutproof_run(lab.work.path(), &config);
    ended.expect_code(10);
    assert_eq!(findings(ended.directory.as_deref().expect("a directory")), expected);
}
