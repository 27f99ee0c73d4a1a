//! Logging configuration of a JVM: warnings and errors to its standard output, which goes to its log file.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::versions::KafkaVersion;

const LOG4J1: &str = "\
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
";

const LOG4J2: &str = "\
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
";

/// Writes the configuration into `directory`; returns the JVM flag that names it.
pub(crate) fn configure(version: KafkaVersion, directory: &Path) -> Result<String> {
    let (file, text, property) = match version {
        KafkaVersion::V3_9 => ("log4j.properties", LOG4J1, "log4j.configuration"),
        KafkaVersion::V4_3 => ("log4j2.properties", LOG4J2, "log4j2.configurationFile"),
    };
    let path = directory.join(file);
    fs::write(&path, text).map_err(Error::file("write", &path))?;
    Ok(format!("-D{property}=file:{}", path.display()))
}
