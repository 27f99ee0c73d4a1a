//! One side's schema registry: asks for schemas, remembers them, and leaves a registry that is down alone for a while.
//! Judges no payload.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect};
use secrecy::ExposeSecret;
use serde::Deserialize;
use thiserror::Error;

use super::avro::AvroSchema;
use super::framing::{SchemaRef, guid_text};
use super::settings::{RegistryAuth, RegistrySettings, shown_url};
use crate::record::Side;

/// Why a decoder could not be made. Names the side and what to change.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The base URL cannot be used.
    #[error(
        "schema_registry.url of the {side} cannot be used: {why}; give http(s)://host[:port][/path] without a query"
    )]
    Url {
        /// Which side.
        side: Side,
        /// What is wrong, without the URL.
        why: String,
    },
    /// Two ways to authenticate.
    #[error("schema_registry of the {side} authenticates twice: remove the user info from its url")]
    TwoCredentials {
        /// Which side.
        side: Side,
    },
    /// A secret cannot stand in an HTTP header.
    #[error(
        "the bearer token of the {side}'s schema_registry holds a line break or other characters that no header may hold"
    )]
    Token {
        /// Which side.
        side: Side,
    },
    /// A PEM file cannot be read.
    #[error("cannot read {path} for the {side}'s schema_registry")]
    File {
        /// Which side.
        side: Side,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A PEM file holds no usable certificate or key.
    #[error("{path} for the {side}'s schema_registry holds no usable PEM {what}")]
    Pem {
        /// Which side.
        side: Side,
        /// The file.
        path: PathBuf,
        /// `certificate`, or `certificate and key`.
        what: &'static str,
    },
    /// Certificate without key, or key without certificate.
    #[error("schema_registry of the {side} needs both a client certificate and its key, or neither")]
    HalfIdentity {
        /// Which side.
        side: Side,
    },
    /// The HTTP client or its runtime cannot be made.
    #[error("cannot make the HTTP client for the {side}'s schema_registry: {why}")]
    Client {
        /// Which side.
        side: Side,
        /// The innermost cause.
        why: String,
    },
}

/// Why a schema could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The registry says that it has no such schema.
    Missing(String),
    /// The registry has not said whether it has one: no answer, a refusal, or an answer that no registry gives.
    Unanswered(String),
    /// It could not be found out for another reason: there is no registry, or the schema cannot be judged.
    Unavailable(String),
}

/// What a registry keeps under an id.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) text: String,
    /// Texts of the schemas that it names, with their names, dependencies first.
    pub(super) references: Vec<(String, String)>,
    pub(super) kind: SchemaKind,
}

/// How data are written by a schema.
#[derive(Debug)]
pub(super) enum SchemaKind {
    Avro(AvroSchema),
    Json,
    Protobuf,
    /// Named as the registry names it.
    Other(String),
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro(_) => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
            Self::Other(name) => name,
        })
    }
}

/// How long failures are remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Between the two tries of a request.
    pub(super) retry_after: Duration,
    /// How long a registry that failed is left alone; doubles with each further failure up to `longest_rest`.
    pub(super) first_rest: Duration,
    /// See `first_rest`.
    pub(super) longest_rest: Duration,
    /// How long "no such schema" and an answer that makes no sense are believed.
    pub(super) failure_lives: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retry_after: Duration::from_millis(100),
            first_rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(60),
            failure_lives: Duration::from_secs(30),
        }
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For one schema with all that it refers to.
const LONGEST_FETCH: Duration = Duration::from_secs(30);
/// A schema larger than this is not read.
const LARGEST_ANSWER: usize = 8 << 20;
/// Ids that were answered with a failure; beyond, all are forgotten at once.
const MOST_FAILURES: usize = 10_000;
/// Schemas that one schema may name, directly or not.
const MOST_REFERENCES: usize = 200;
/// A version that was deleted softly stays a part of what refers to it. An id gives its schema without this.
const DELETED_TOO: Option<&str> = Some("deleted=true");
/// Senseless answers in a row after which the registry as a whole is left alone.
const SENSELESS_IN_A_ROW: u32 = 3;

/// One side's registry.
pub(super) struct Registry {
    side: Side,
    http: Http,
    patience: Patience,
    known: HashMap<SchemaRef, Arc<Schema>>,
    failed: HashMap<SchemaRef, (Failure, Instant)>,
    /// Left alone until then, and why.
    resting: Option<(Instant, String)>,
    next_rest: Duration,
    senseless: u32,
}

impl Registry {
    pub(super) fn new(
        side: Side,
        settings: &RegistrySettings,
        patience: Patience,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            side,
            http: Http::new(side, settings)?,
            patience,
            known: HashMap::new(),
            failed: HashMap::new(),
            resting: None,
            next_rest: patience.first_rest,
            senseless: 0,
        })
    }

    /// The schema if it is remembered; asks nobody and takes no clock.
    pub(super) fn remembered(&self, id: SchemaRef) -> Option<&Arc<Schema>> {
        self.known.get(&id)
    }

    /// The schema, asked for if it is not remembered.
    pub(super) async fn schema(&mut self, id: SchemaRef) -> Result<Arc<Schema>, Failure> {
        if let Some(schema) = self.known.get(&id) {
            return Ok(schema.clone());
        }
        let now = Instant::now();
        if let Some((failure, until)) = self.failed.get(&id)
            && now < *until
        {
            return Err(failure.clone());
        }
        if let Some((until, why)) = &self.resting
            && now < *until
        {
            return Err(Failure::Unanswered(why.clone()));
        }
        let late =
            |_| Err(Problem::Down(format!("takes more than {} s for one schema", LONGEST_FETCH.as_secs())));
        match tokio::time::timeout(LONGEST_FETCH, self.fetch(id)).await.unwrap_or_else(late) {
            Ok(schema) => {
                self.awake();
                let schema = Arc::new(schema);
                self.known.insert(id, schema.clone());
                Ok(schema)
            }
            Err(problem) => Err(self.remember(id, problem)),
        }
    }

    fn awake(&mut self) {
        self.resting = None;
        self.next_rest = self.patience.first_rest;
        self.senseless = 0;
    }

    fn remember(&mut self, id: SchemaRef, problem: Problem) -> Failure {
        let failure = match problem {
            Problem::Missing(what) => {
                self.awake();
                Failure::Missing(format!("{what} is not in the {} registry", self.side))
            }
            Problem::Senseless(why) | Problem::Troubled(why) => {
                self.senseless += 1;
                let why = self.sentence(&why);
                if self.senseless >= SENSELESS_IN_A_ROW {
                    self.rest(why.clone());
                }
                Failure::Unanswered(why)
            }
            Problem::NotUnderstood(why) => {
                self.awake();
                Failure::Unavailable(format!("{id} of the {} registry is not understood: {why}", self.side))
            }
            Problem::Down(why) | Problem::Refused(why) => {
                let why = self.sentence(&why);
                self.rest(why.clone());
                return Failure::Unanswered(why);
            }
        };
        if self.failed.len() >= MOST_FAILURES {
            self.failed.clear();
        }
        self.failed.insert(id, (failure.clone(), Instant::now() + self.patience.failure_lives));
        failure
    }

    fn sentence(&self, why: &str) -> String {
        format!("the {} registry at {} {why}", self.side, self.http.shown)
    }

    fn rest(&mut self, why: String) {
        self.resting = Some((Instant::now() + self.next_rest, why));
        self.next_rest = (self.next_rest * 2).min(self.patience.longest_rest);
    }

    async fn fetch(&self, id: SchemaRef) -> Result<Schema, Problem> {
        let (path, what) = match &id {
            SchemaRef::Id(id) => (["schemas", "ids"], id.to_string()),
            SchemaRef::Guid(guid) => (["schemas", "guids"], guid_text(guid)),
        };
        let answer = self.ask(&[path[0], path[1], &what], None, || id.to_string()).await?;
        let references = self.references(&answer).await?;
        let kind = match answer.schema_type.as_deref() {
            None | Some("AVRO") => {
                let texts: Vec<String> = references.iter().map(|(_, text)| text.clone()).collect();
                let schema = AvroSchema::parse(&answer.schema, &texts);
                SchemaKind::Avro(schema.map_err(|e| Problem::NotUnderstood(e.to_string()))?)
            }
            Some("JSON") => SchemaKind::Json,
            Some("PROTOBUF") => SchemaKind::Protobuf,
            Some(other) => SchemaKind::Other(other.chars().take(40).collect()),
        };
        Ok(Schema { text: answer.schema, references, kind })
    }

    /// Every schema that `answer` names, directly or not: dependencies first, each once.
    async fn references(&self, answer: &Answer) -> Result<Vec<(String, String)>, Problem> {
        enum Step {
            Fetch(Reference),
            Keep(String, String),
        }
        let mut kept = Vec::new();
        let mut begun = HashSet::new();
        let mut steps: Vec<Step> = answer.references.iter().rev().cloned().map(Step::Fetch).collect();
        while let Some(step) = steps.pop() {
            let reference = match step {
                Step::Keep(name, text) => {
                    kept.push((name, text));
                    continue;
                }
                Step::Fetch(reference) => reference,
            };
            if !begun.insert((reference.subject.clone(), reference.version)) {
                continue;
            }
            if begun.len() > MOST_REFERENCES {
                return Err(Problem::NotUnderstood(format!("it names more than {MOST_REFERENCES} schemas")));
            }
            let version = reference.version.to_string();
            let described =
                || format!("version {version} of subject {}, which it refers to,", reference.subject);
            let path = ["subjects", &reference.subject, "versions", &version];
            let found = self.ask(&path, DELETED_TOO, described).await?;
            steps.push(Step::Keep(reference.name, found.schema));
            steps.extend(found.references.into_iter().rev().map(Step::Fetch));
        }
        Ok(kept)
    }

    async fn ask(
        &self,
        path: &[&str],
        query: Option<&str>,
        what: impl Fn() -> String,
    ) -> Result<Answer, Problem> {
        let probing = self.resting.is_some();
        match self.http.get(path, query, &what).await {
            Err(problem) if problem.may_pass() && !probing => {
                tokio::time::sleep(self.patience.retry_after).await;
                self.http.get(path, query, &what).await
            }
            done => done,
        }
    }
}

/// Why one request brought no schema. Texts continue "the target registry at http://... ".
#[derive(Debug)]
enum Problem {
    /// Answered: no such schema.
    Missing(String),
    /// No answer, or one that says to come back later.
    Down(String),
    /// Credentials are not accepted.
    Refused(String),
    /// It failed at this request; another may succeed.
    Troubled(String),
    /// An answer that no registry gives.
    Senseless(String),
    /// A schema that cannot be judged.
    NotUnderstood(String),
}

impl Problem {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Down(_) | Self::Troubled(_))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    schema_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    references: Vec<Reference>,
}

#[derive(Clone, Debug, Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Reference>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The client for one registry.
struct Http {
    client: Client,
    base: Url,
    auth: RegistryAuth,
    shown: String,
}

impl Http {
    fn new(side: Side, settings: &RegistrySettings) -> Result<Self, DecodeError> {
        let base = base_url(side, settings)?;
        if let RegistryAuth::Bearer(token) = &settings.auth
            && reqwest::header::HeaderValue::from_str(token.expose_secret()).is_err()
        {
            return Err(DecodeError::Token { side });
        }
        let mut builder = Client::builder()
            .user_agent(concat!("cutproof/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
            .timeout(settings.timeout)
            .redirect(redirect::Policy::limited(3));
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.ca_file {
            let unusable = || DecodeError::Pem { side, path: path.clone(), what: "certificate" };
            let certificates = reqwest::Certificate::from_pem_bundle(&read(side, path)?);
            let certificates = certificates.ok().filter(|list| !list.is_empty()).ok_or_else(unusable)?;
            builder = builder.tls_certs_only(certificates);
        }
        match (&settings.client_cert_file, &settings.client_key_file) {
            (None, None) => {}
            (Some(certificate), Some(key)) => {
                let mut pem = read(side, key)?;
                pem.push(b'\n');
                pem.extend(read(side, certificate)?);
                let identity = reqwest::Identity::from_pem(&pem).map_err(|_| DecodeError::Pem {
                    side,
                    path: certificate.clone(),
                    what: "certificate and key",
                })?;
                builder = builder.identity(identity);
            }
            _ => return Err(DecodeError::HalfIdentity { side }),
        }
        let client =
            builder.build().map_err(|e| DecodeError::Client { side, why: innermost(&e.without_url()) })?;
        Ok(Self { client, base, auth: settings.auth.clone(), shown: shown_url(&settings.url) })
    }

    fn request(&self, path: &[&str], query: Option<&str>) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_query(query);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request =
            self.client.get(url).header("Accept", "application/vnd.schemaregistry.v1+json, application/json");
        match &self.auth {
            RegistryAuth::None => request,
            RegistryAuth::Basic { user, password } => {
                request.basic_auth(user, Some(password.expose_secret()))
            }
            RegistryAuth::Bearer(token) => request.bearer_auth(token.expose_secret()),
        }
    }

    async fn get(
        &self,
        path: &[&str],
        query: Option<&str>,
        what: &impl Fn() -> String,
    ) -> Result<Answer, Problem> {
        let response = self.request(path, query).send().await.map_err(unanswered)?;
        let status = response.status();
        let body = body(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|_| Problem::Senseless("answers with something that is no schema".to_owned()));
        }
        Err(refusal(status, &body, what))
    }
}

/// What a status other than success says. Only the registry's own error code makes a schema missing: a wrong base URL
/// answers 404 as well.
fn refusal(status: StatusCode, body: &[u8], what: &impl Fn() -> String) -> Problem {
    #[derive(Deserialize)]
    struct RegistryError {
        error_code: i64,
    }
    let code = serde_json::from_slice::<RegistryError>(body).ok().map(|error| error.error_code);
    let number = status.as_u16();
    match number {
        404 if code.is_some_and(|code| (40400..=40499).contains(&code)) => Problem::Missing(what()),
        404 => Problem::Senseless(
            "answers 404 without a registry's error code; is the path of its url right?".to_owned(),
        ),
        401 => Problem::Refused("answers 401: it does not accept the credentials".to_owned()),
        403 => Problem::Refused("answers 403: the credentials may not read schemas".to_owned()),
        429 | 502..=504 => Problem::Down(format!("answers {number}")),
        500.. => Problem::Troubled(format!("answers {number}")),
        _ => Problem::Senseless(format!("answers {number}")),
    }
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Problem::Senseless(format!("answers with more than {LARGEST_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unanswered(error: reqwest::Error) -> Problem {
    let error = error.without_url();
    if error.is_redirect() {
        Problem::Senseless("redirects more than three times".to_owned())
    } else if error.is_timeout() {
        Problem::Down("does not answer in time".to_owned())
    } else if error.is_connect() {
        Problem::Down(format!("cannot be reached: {}", innermost(&error)))
    } else {
        Problem::Down(format!("breaks off: {}", innermost(&error)))
    }
}

/// The innermost cause: the outer ones repeat URLs.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn base_url(side: Side, settings: &RegistrySettings) -> Result<Url, DecodeError> {
    let wrong = |why: &str| DecodeError::Url { side, why: why.to_owned() };
    let url = Url::parse(&settings.url).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it is neither http nor https"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a query or a fragment"));
    }
    let user_info = !url.username().is_empty() || url.password().is_some();
    if user_info && !matches!(settings.auth, RegistryAuth::None) {
        return Err(DecodeError::TwoCredentials { side });
    }
    Ok(url)
}

fn read(side: Side, path: &Path) -> Result<Vec<u8>, DecodeError> {
    std::fs::read(path).map_err(|source| DecodeError::File { side, path: path.to_owned(), source })
}
