//! Prepares installations through Maven, once per machine, in a cache outside the build directory.
//! Starts no server.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::versions::{self, KafkaVersion};

const FINISHED: &str = "finished";
const OUTPUT_TAIL_LINES: usize = 40;

/// One thing that Maven prepares: a POM, what to ask of it, and where the result lies.
struct Installation {
    /// Directory name in the cache; holds the versions, so that another version is another installation.
    name: String,
    pom: &'static str,
    goal: String,
    /// `-D` settings; also part of what makes a finished installation stale.
    settings: Vec<(&'static str, String)>,
    /// What is used of it, relative to its directory.
    product: &'static str,
}

/// The directory of jars that hold a broker, its tools and MirrorMaker 2. Fetched on the first call (about 65 MB).
///
/// # Errors
/// If Maven is missing or fails, with the end of its output.
pub fn kafka_libs(version: KafkaVersion) -> Result<PathBuf> {
    prepare(&kafka(version))
}

/// The jar that starts the schema registry. Fetched and built on the first call (about 210 MB, two minutes).
///
/// # Errors
/// If Maven is missing or fails, with the end of its output.
pub fn registry_jar() -> Result<PathBuf> {
    prepare(&registry())
}

fn kafka(version: KafkaVersion) -> Installation {
    let (pom, logging) = match version {
        KafkaVersion::V3_9 => (include_str!("../maven/kafka3.xml"), ("slf4j.version", versions::SLF4J)),
        KafkaVersion::V4_3 => (include_str!("../maven/kafka4.xml"), ("log4j.version", versions::LOG4J)),
    };
    Installation {
        name: format!("kafka-{version}"),
        pom,
        goal: format!(
            "org.apache.maven.plugins:maven-dependency-plugin:{}:copy-dependencies",
            versions::MAVEN_DEPENDENCY_PLUGIN
        ),
        settings: vec![
            ("includeScope", "runtime".to_owned()),
            ("outputDirectory", "libs".to_owned()),
            ("kafka.version", version.release().to_owned()),
            (logging.0, logging.1.to_owned()),
        ],
        product: "libs",
    }
}

fn registry() -> Installation {
    let setting = |name, version: &str| (name, version.to_owned());
    Installation {
        name: format!("apicurio-registry-{}", versions::APICURIO_REGISTRY),
        pom: include_str!("../maven/registry.xml"),
        goal: "package".to_owned(),
        settings: vec![
            setting("registry.version", versions::APICURIO_REGISTRY),
            setting("config.index.version", versions::APICURIO_CONFIG_INDEX),
            setting("everit.version", versions::EVERIT_JSON_SCHEMA),
            setting("quarkus.version", versions::QUARKUS),
            setting("dependency.plugin.version", versions::MAVEN_DEPENDENCY_PLUGIN),
            setting("antrun.plugin.version", versions::MAVEN_ANTRUN_PLUGIN),
        ],
        product: "target/quarkus-app/quarkus-run.jar",
    }
}

/// `$CUTPROOF_CACHE`, else `$XDG_CACHE_HOME/cutproof`, else `~/.cache/cutproof`.
///
/// # Errors
/// If none of the three variables (the last is `HOME`) is set.
pub fn cache_directory() -> Result<PathBuf> {
    cache_directory_from(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn cache_directory_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    if let Some(directory) = variable("CUTPROOF_CACHE") {
        return Ok(directory.into());
    }
    if let Some(directory) = variable("XDG_CACHE_HOME") {
        return Ok(Path::new(&directory).join("cutproof"));
    }
    match variable("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache").join("cutproof")),
        None => {
            Err(Error::Misuse("no cache directory: set CUTPROOF_CACHE, XDG_CACHE_HOME or HOME".to_owned()))
        }
    }
}

/// Returns the product's path; builds the installation first unless an earlier process has finished it.
/// One lock for all installations, because Maven's own repository takes no concurrent writers.
fn prepare(installation: &Installation) -> Result<PathBuf> {
    let cache = cache_directory()?;
    let directory = cache.join(&installation.name);
    let product = directory.join(installation.product);
    if is_finished(&directory, installation) && product.exists() {
        return Ok(product);
    }
    fs::create_dir_all(&cache).map_err(Error::file("create", &cache))?;
    let lock_path = cache.join("lock");
    let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
    lock.lock().map_err(Error::file("lock", &lock_path))?;
    // Another process may have finished it while this one waited.
    if !(is_finished(&directory, installation) && product.exists()) {
        build(&directory, installation)?;
        if !product.exists() {
            return Err(Error::Maven {
                name: installation.name.clone(),
                directory,
                status: "succeeded".to_owned(),
                tail: format!("but {} is not there", installation.product),
            });
        }
        let marker = directory.join(FINISHED);
        fs::write(&marker, fingerprint(installation)).map_err(Error::file("write", &marker))?;
    }
    Ok(product)
}

/// A finished installation whose POM or settings have changed since is not finished.
fn is_finished(directory: &Path, installation: &Installation) -> bool {
    fs::read_to_string(directory.join(FINISHED)).is_ok_and(|was| was == fingerprint(installation))
}

fn fingerprint(installation: &Installation) -> String {
    let Installation { name, pom, goal, settings, product } = installation;
    format!("{name}\n{goal}\n{settings:?}\n{product}\n{pom}")
}

fn build(directory: &Path, installation: &Installation) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::file("remove", directory)(error));
        }
        _ => {}
    }
    fs::create_dir_all(directory).map_err(Error::file("create", directory))?;
    let pom = directory.join("pom.xml");
    fs::write(&pom, installation.pom).map_err(Error::file("write", &pom))?;
    let mut mvn = Command::new("mvn");
    mvn.args(["--batch-mode", "--no-transfer-progress", "--quiet"])
        .arg(&installation.goal)
        .args(installation.settings.iter().map(|(name, value)| format!("-D{name}={value}")))
        .current_dir(directory)
        .stdin(Stdio::null());
    let mut run = || mvn.output().map_err(|source| Error::MissingTool { tool: "mvn", source });
    let mut output = run()?;
    // A transfer may fail once.
    for _ in 0..2 {
        if !output.status.success() {
            output = run()?;
        }
    }
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Maven {
        name: installation.name.clone(),
        directory: directory.to_owned(),
        status: output.status.to_string(),
        tail: tail(&text, OUTPUT_TAIL_LINES).to_owned(),
    })
}

/// The last `lines` lines of `text`.
pub(crate) fn tail(text: &str, lines: usize) -> &str {
    let text = text.trim_end();
    text.rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(text, |(at, _)| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &'static [(&str, &str)]) -> Option<PathBuf> {
        cache_directory_from(|name| {
            variables.iter().find(|(is, _)| *is == name).map(|(_, value)| value.into())
        })
        .ok()
    }

    #[test]
    fn the_cache_is_where_the_nearest_variable_says() {
        assert_eq!(
            from(&[("CUTPROOF_CACHE", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]),
            Some("/c".into())
        );
        assert_eq!(from(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/cutproof".into()));
        assert_eq!(from(&[("HOME", "/h")]), Some("/h/.cache/cutproof".into()));
        assert_eq!(from(&[]), None);
    }

    #[test]
    fn a_tail_holds_the_last_lines_only() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a\nb", 5), "a\nb");
        assert_eq!(tail("", 5), "");
    }

    #[test]
    fn an_installation_with_another_setting_is_not_finished() {
        let directory = tempfile::tempdir().unwrap();
        let mut installation = kafka(KafkaVersion::V3_9);
        assert!(!is_finished(directory.path(), &installation));
        fs::write(directory.path().join(FINISHED), fingerprint(&installation)).unwrap();
        assert!(is_finished(directory.path(), &installation));
        installation.settings.push(("more", "1".to_owned()));
        assert!(!is_finished(directory.path(), &installation));
    }

    #[test]
    fn a_failing_maven_is_an_error_with_the_end_of_its_output() {
        let directory = tempfile::tempdir().unwrap();
        let mut installation = kafka(KafkaVersion::V3_9);
        installation.pom = "<project><this is no POM>";
        let error = build(directory.path(), &installation).unwrap_err();
        let Error::Maven { name, tail, .. } = &error else { panic!("{error}") };
        assert_eq!(name, "kafka-3.9.2");
        assert!(tail.contains("pom.xml"), "{tail}");
    }
}
