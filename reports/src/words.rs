//! The enums of the reports as words in files and back. One list of words each, the one that serde uses.

use crate::{
    FindingKind, OrderBroken, Origin, Part, PositionState, RunState, Scorecard, TimestampType, Verdict,
};

/// A closed set of words.
pub(crate) trait Word: Copy + 'static {
    /// All of them.
    const WORDS: &'static [Self];
    /// As it stands in files.
    fn word(self) -> &'static str;
    /// The other way; `None` for a word of a newer version, or none of ours.
    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().copied().find(|known| known.word() == word)
    }
}

macro_rules! words {
    ($($type:ty),*) => {$(
        impl Word for $type {
            const WORDS: &'static [Self] = &Self::ALL;
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )*};
}

words!(FindingKind, Part, OrderBroken, TimestampType, Origin, PositionState, Scorecard, RunState, Verdict);

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Word + serde::Serialize + PartialEq + std::fmt::Debug>() {
        for &word in T::WORDS {
            assert_eq!(serde_json::to_value(word).expect("a unit variant"), word.word());
            assert_eq!(T::from_word(word.word()), Some(word));
        }
        assert_eq!(T::from_word("no_such_word"), None);
    }

    #[test]
    fn each_word_in_a_table_is_the_word_in_the_manifest() {
        check::<FindingKind>();
        check::<Part>();
        check::<OrderBroken>();
        check::<TimestampType>();
        check::<Origin>();
        check::<PositionState>();
        check::<Scorecard>();
        check::<RunState>();
        check::<Verdict>();
    }
}
