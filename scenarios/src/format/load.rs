//! Reads scenario files, alone or below directories. Checks them; plays nothing.

use std::path::{Path, PathBuf};

use super::{Loaded, Scenario, check};
use crate::error::ScenarioError;

/// Reads and checks one file.
///
/// # Errors
/// If it can't be read, is not of the format, or makes no sense.
pub fn load(path: &Path) -> Result<Loaded, ScenarioError> {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    named(path, stem.to_string_lossy().into_owned())
}

/// A scenario file that was named, or found below a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Its path below the directory, without `.yaml`.
    pub name: String,
}

/// The files that are meant: those named, and all below directories, in order of their names. Reads none.
///
/// # Errors
/// If a directory can't be read or has no scenarios.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Found>, ScenarioError> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            all.push(Found { path: path.clone(), name: stem.to_string_lossy().into_owned() });
            continue;
        }
        let mut files = Vec::new();
        collect(path, &mut files)?;
        files.sort();
        if files.is_empty() {
            return Err(ScenarioError::None { path: path.clone() });
        }
        for file in files {
            let below = file.strip_prefix(path).unwrap_or(&file).with_extension("");
            all.push(Found { name: below.to_string_lossy().replace('\\', "/"), path: file });
        }
    }
    Ok(all)
}

/// Reads and checks what [`find`] finds.
///
/// # Errors
/// As [`load`] and [`find`].
pub fn load_all(paths: &[PathBuf]) -> Result<Vec<Loaded>, ScenarioError> {
    find(paths)?.into_iter().map(|Found { path, name }| named(&path, name)).collect()
}

fn named(path: &Path, name: String) -> Result<Loaded, ScenarioError> {
    let text = std::fs::read_to_string(path).map_err(ScenarioError::read(path))?;
    let scenario = parse(&text, path)?;
    Ok(Loaded { name, path: path.to_owned(), scenario })
}

/// Reads and checks the text of a scenario; `path` is for messages, and for what it names.
///
/// # Errors
/// If it is not of the format, or makes no sense.
pub fn parse(text: &str, path: &Path) -> Result<Scenario, ScenarioError> {
    let scenario: Scenario = cutproof::config::from_yaml(text)
        .map_err(|error| ScenarioError::Format { path: path.to_owned(), error: Box::new(error) })?;
    let problems = check::problems(&scenario, path.parent().unwrap_or(Path::new("")));
    if problems.is_empty() {
        return Ok(scenario);
    }
    Err(ScenarioError::Senseless { path: path.to_owned(), problems })
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), ScenarioError> {
    let failed = |error| ScenarioError::read(directory)(error);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
