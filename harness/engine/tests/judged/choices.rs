//! Where the choices of a judged case come from: a seed, or the bytes of a fuzzer. Chooses nothing itself.
#![allow(dead_code)] // each program uses a part

/// A source of choices. The same seed or the same bytes give the same choices.
pub enum Random<'a> {
    Seed(u64),
    /// Used up from the front; after the last byte every choice is the first.
    Bytes(&'a [u8]),
}

impl Random<'static> {
    pub fn new(seed: u64) -> Self {
        let mut random = Self::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            random.below(2);
        }
        random
    }
}

impl Random<'_> {
    pub fn below(&mut self, n: u64) -> u64 {
        match self {
            Self::Seed(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                (*state >> 16) % n
            }
            Self::Bytes(bytes) => {
                let taken = if n > 256 { 2 } else { 1 };
                let (now, later) = bytes.split_at(taken.min(bytes.len()));
                *bytes = later;
                now.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) % n
            }
        }
    }

    pub fn upto(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }
}
