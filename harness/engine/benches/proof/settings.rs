//! The options of the bench. Measures nothing.

use std::fmt;

/// What the options say.
pub struct Settings {
    pub records: usize,
    pub bytes: usize,
    pub partitions: i32,
    pub target_partitions: i32,
    pub rounds: usize,
    pub compression: String,
    pub real: bool,
    pub keys: u64,
    pub lag: usize,
    pub duplicate_block: usize,
    pub diverging_every: usize,
    /// In all ways in turn; else by value only.
    pub diverging_all: bool,
    /// Keys of the contract, in YAML.
    pub contract: Option<String>,
    pub memory: Option<String>,
    pub against_limit: bool,
    pub python: Option<String>,
    pub kcat: Option<String>,
}

impl Settings {
    pub fn parse(args: &[String]) -> Self {
        let mut settings = Self {
            records: 2_000_000,
            bytes: 100,
            partitions: 4,
            target_partitions: 0,
            rounds: 5,
            compression: "none".to_owned(),
            real: true,
            keys: 100_000,
            lag: 0,
            duplicate_block: 0,
            diverging_every: 0,
            diverging_all: false,
            contract: None,
            memory: None,
            against_limit: true,
            python: None,
            kcat: None,
        };
        for pair in args.chunks(2) {
            let [name, value] = pair else { panic!("{} wants a value", pair[0]) };
            let number = || value.parse().unwrap_or_else(|_| panic!("{name} wants a number, not {value}"));
            match name.as_str() {
                "--records" => settings.records = number(),
                "--bytes" => settings.bytes = number(),
                "--partitions" => settings.partitions = number() as i32,
                "--target-partitions" => settings.target_partitions = number() as i32,
                "--rounds" => settings.rounds = number(),
                "--compression" => settings.compression = value.clone(),
                "--brokers" => settings.real = value == "real",
                "--keys" => settings.keys = number() as u64,
                "--lag" => settings.lag = number(),
                "--duplicate-block" => settings.duplicate_block = number(),
                "--diverging-every" => settings.diverging_every = number(),
                "--diverging" => settings.diverging_all = value == "all",
                "--contract" => settings.contract = Some(value.clone()),
                "--memory" => settings.memory = Some(value.clone()),
                "--kcat" => settings.kcat = Some(value.clone()),
                "--python" => settings.python = Some(value.clone()),
                "--against-limit" => settings.against_limit = value == "yes",
                _ => panic!("unknown option {name}"),
            }
        }
        if settings.target_partitions == 0 {
            settings.target_partitions = settings.partitions;
        }
        settings
    }

    /// What a run must end with: divergent, else inconclusive, else a go.
    pub fn exit_code(&self) -> i32 {
        match (self.duplicate_block + self.diverging_every, self.lag) {
            (0, 0) => 0,
            (0, _) => 12,
            _ => 10,
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records a side, {} keys, lag {}, duplicates {}, diverging every {}{}, {} B, {} to {} partitions{}, \
             compression {}, {} brokers, {} rounds",
            self.records,
            self.keys,
            self.lag,
            self.duplicate_block,
            self.diverging_every,
            if self.diverging_all { " in all ways" } else { "" },
            self.bytes,
            self.partitions,
            self.target_partitions,
            self.contract.as_ref().map(|contract| format!(", {contract}")).unwrap_or_default(),
            self.compression,
            if self.real { "real" } else { "embedded" },
            self.rounds
        )
    }
}
