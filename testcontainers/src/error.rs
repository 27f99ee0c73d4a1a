//! What can go wrong while starting, driving and filling clusters, and what to do about it.

use std::path::PathBuf;

use rdkafka::error::KafkaError;

/// The result of everything in this package.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says what failed, where, and what to do next. Never holds a record's bytes or a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `java` or `mvn` is not on the path.
    #[error("cannot run `{tool}`: {source}; install it (Java 17, Maven 3.8 or later) and put it on the PATH")]
    MissingTool {
        /// The program's name.
        tool: &'static str,
        /// Why it could not be run.
        source: std::io::Error,
    },
    /// A file, directory or socket operation failed.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// The operation, as a verb.
        what: &'static str,
        /// The path it was on.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A network operation failed.
    #[error("cannot {what} at {address}: {source}")]
    Network {
        /// The operation, as a verb.
        what: &'static str,
        /// Host and port.
        address: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Maven could not resolve or build an installation.
    #[error("maven could not prepare {name} in {} ({status}); the end of its output:\n{tail}", directory.display())]
    Maven {
        /// Which installation.
        name: String,
        /// Where it was built; kept for a look.
        directory: PathBuf,
        /// Its exit status.
        status: String,
        /// The end of its output.
        tail: String,
    },
    /// No free port could be reserved.
    #[error("no free port on 127.0.0.1 between {low} and {high}; end what holds them")]
    NoPort {
        /// First port tried.
        low: u16,
        /// End of the ports tried.
        high: u16,
    },
    /// A child process ended although it was needed.
    #[error("{name} ended ({status}); the end of its log {}:\n{tail}", log.display())]
    Exited {
        /// The process, with the cluster's alias.
        name: String,
        /// Its exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// Something did not come about in time.
    #[error("{what} did not come about within {waited_seconds} s{detail}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long, in seconds.
        waited_seconds: u64,
        /// What was last seen; empty, or begins with `: ` or a line break.
        detail: String,
    },
    /// A Kafka client reported an error.
    #[error("cannot {what} at {bootstrap}: {source}")]
    Kafka {
        /// The operation, with topic-partition or group where it has one.
        what: String,
        /// The cluster's bootstrap servers.
        bootstrap: String,
        /// The client's error.
        source: Box<KafkaError>,
    },
    /// Some records of a produce call were not acknowledged.
    #[error(
        "{failed} of {total} records to topic {topic} at {bootstrap} were not acknowledged; the first: {first}"
    )]
    NotAcknowledged {
        /// The topic.
        topic: String,
        /// The cluster's bootstrap servers.
        bootstrap: String,
        /// How many were refused or lost.
        failed: usize,
        /// How many were sent.
        total: usize,
        /// The first failure.
        first: Box<KafkaError>,
    },
    /// A broker answered something that does not fit the question.
    #[error("{bootstrap} gave an answer that cannot be used: {what}")]
    BadAnswer {
        /// The cluster's bootstrap servers, or the server's address.
        bootstrap: String,
        /// What was wrong with it.
        what: String,
    },
    /// The registry refused a request.
    #[error("the registry refused {request} with status {status}: {body}")]
    Registry {
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Its explanation.
        body: String,
    },
    /// A request to this package makes no sense.
    #[error("{0}")]
    Misuse(String),
}

impl Error {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    pub(crate) fn kafka(what: impl Into<String>, bootstrap: &str) -> impl FnOnce(KafkaError) -> Self {
        let (what, bootstrap) = (what.into(), bootstrap.to_owned());
        move |source| Self::Kafka { what, bootstrap, source: Box::new(source) }
    }
}
