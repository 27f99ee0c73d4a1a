//! Timestamps that no calendar holds, e.g. nanoseconds that a producer sent as milliseconds. Pure.
//!
//! One such value in a TIMESTAMP column makes DuckDB refuse the whole query and Polars panic when it prints. Such a
//! cell is null; its number stands at the end of `detail`, from where it is read back.

/// 0001-01-01T00:00:00.000Z, the first instant that Python's and Polars' calendars hold.
pub(super) const FIRST: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z, the last.
pub(super) const LAST: i64 = 253_402_300_799_999;

/// What goes into the column.
pub(super) fn cell(timestamp: Option<i64>) -> Option<i64> {
    timestamp.filter(|timestamp| (FIRST..=LAST).contains(timestamp))
}

/// What is appended to `detail` for one side; `None` where the column holds all.
pub(super) fn note(side: &str, timestamp: Option<i64>) -> Option<String> {
    let far = timestamp.filter(|timestamp| !(FIRST..=LAST).contains(timestamp))?;
    Some(format!("{}{far} ms]", opening(side)))
}

/// Takes the note of one side off the end of `detail` and returns the timestamp that it states.
pub(super) fn take_note(side: &str, detail: &mut String) -> Option<i64> {
    let start = detail.rfind(&opening(side))?;
    let number = detail[start..].strip_prefix(&opening(side))?.strip_suffix(" ms]")?;
    let timestamp = number.parse().ok().filter(|timestamp| !(FIRST..=LAST).contains(timestamp))?;
    detail.truncate(start);
    Some(timestamp)
}

fn opening(side: &str) -> String {
    format!(" [{side} timestamp beyond the calendar: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_sent_as_milliseconds_move_to_the_detail_and_back() {
        let far = Some(1_700_000_000_000_000_000);
        assert_eq!(cell(far), None);
        let mut detail = "values differ".to_owned() + &note("source", far).expect("beyond the calendar");
        assert_eq!(detail, "values differ [source timestamp beyond the calendar: 1700000000000000000 ms]");
        assert_eq!(take_note("target", &mut detail), None);
        assert_eq!(take_note("source", &mut detail), far);
        assert_eq!(detail, "values differ");
    }

    #[test]
    fn the_first_and_the_last_instant_of_the_calendar_stay_in_the_column() {
        for inside in [FIRST, -1, 0, LAST] {
            assert_eq!((cell(Some(inside)), note("source", Some(inside))), (Some(inside), None));
        }
        for outside in [i64::MIN, FIRST - 1, LAST + 1, i64::MAX] {
            assert_eq!(cell(Some(outside)), None);
            assert!(note("source", Some(outside)).is_some());
        }
        assert_eq!((cell(None), note("source", None)), (None, None));
    }
}
