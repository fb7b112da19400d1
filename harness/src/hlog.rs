//! HdrHistogram interval logs: the full distribution of every round, readable by any HdrHistogram tool.
//!
//! A cell's `.hlog` holds one interval for each round and tag, V2 compressed. An interval's start is that of its round,
//! in seconds after the run's start (the log's `BaseTime`), which ties it to
//! [`RoundResult::start_ms`](crate::model::RoundResult::start_ms).

use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag as LogTag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use crate::cell::CellId;
use crate::model::{FileError, Tag, write_atomically};

/// One tag of one round.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Start of the round, milliseconds after the run's start.
    pub start_ms: u64,
    /// Length of the round.
    pub duration: Duration,
    /// What the latencies lie between.
    pub tag: Tag,
    /// The latencies, in nanoseconds.
    pub histogram: Histogram<u64>,
}

/// The log of a cell, in the directory of its run.
#[must_use]
pub fn path(dir: &Path, cell: &CellId) -> PathBuf {
    dir.join(format!("{cell}.hlog"))
}

/// Writes a log, whole or not at all.
///
/// # Errors
/// [`FileError::Io`].
pub fn write(path: &Path, start: SystemTime, intervals: &[Interval]) -> Result<(), FileError> {
    let text = encode(start, intervals).map_err(FileError::io("write", path))?;
    write_atomically(path, &text)
}

fn encode(start: SystemTime, intervals: &[Interval]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(concat!("[Logged with slotbench ", env!("CARGO_PKG_VERSION"), ", nanoseconds]"))
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(&mut text, &mut serializer)?;
    for interval in intervals {
        let tag = LogTag::new(interval.tag.name());
        log.write_histogram(&interval.histogram, Duration::from_millis(interval.start_ms), interval.duration, tag)
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(text)
}

/// Reads a log; one that does not exist is empty. Intervals with other tags are left out.
///
/// # Errors
/// [`FileError::Io`], also for a log that is damaged.
pub fn read(path: &Path) -> Result<Vec<Interval>, FileError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(FileError::io("read", path))?,
    };
    decode(&text).map_err(|reason| FileError::io("read", path)(io::Error::new(io::ErrorKind::InvalidData, reason)))
}

fn decode(text: &[u8]) -> Result<Vec<Interval>, String> {
    let entries = IntervalLogIterator::new(text).filter_map(|entry| match entry {
        Ok(LogEntry::Interval(interval)) => decode_interval(&interval).transpose(),
        Ok(_) => None,
        Err(error) => Some(Err(format!("not a histogram log: {error:?}"))),
    });
    entries.collect()
}

fn decode_interval(interval: &IntervalLogHistogram<'_>) -> Result<Option<Interval>, String> {
    let Some(tag) = interval.tag().and_then(|tag| tag.as_str().parse().ok()) else { return Ok(None) };
    let bytes = STANDARD.decode(interval.encoded_histogram()).map_err(|error| error.to_string())?;
    let histogram = Deserializer::new().deserialize(&mut Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let start_ms = u64::try_from(round_to_ms(interval.start_timestamp())).unwrap_or(u64::MAX);
    Ok(Some(Interval { start_ms, duration: interval.duration(), tag, histogram }))
}

/// Logs have milliseconds; reading them through a floating-point number may lose the last digit.
fn round_to_ms(duration: Duration) -> u128 {
    (duration + Duration::from_micros(500)).as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(start_ms: u64, tag: Tag, values: &[u64]) -> Interval {
        let mut histogram = Histogram::new(3).expect("3 digits are allowed");
        values.iter().for_each(|value| histogram.record(*value).expect("it grows"));
        Interval { start_ms, duration: Duration::from_secs(10), tag, histogram }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("cell.hlog");
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let intervals = [
            interval(0, Tag::Acknowledged, &[1, 2000, 3_000_000, 600_000_000_000]),
            interval(0, Tag::Durable, &[5; 100]),
            interval(86_400_001, Tag::Response, &[]),
        ];
        assert_eq!(read(&path).expect("a missing log is empty"), []);
        write(&path, start, &intervals).expect("writes");
        assert_eq!(read(&path).expect("reads"), intervals);
        let text = fs::read_to_string(&path).expect("is text");
        assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
        assert!(text.contains("\n#[BaseTime: 1700000000.123 (seconds since epoch)]\n"), "{text}");
        assert!(text.contains("\nTag=durable,0.000,10.000,"), "{text}");
    }

    #[test]
    fn a_damaged_log_is_an_error_with_its_path() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("cell.hlog");
        let start = SystemTime::UNIX_EPOCH;
        write(&path, start, &[interval(1, Tag::Durable, &[7; 10])]).expect("writes");
        let whole = fs::read(&path).expect("is there");
        for cut in 1..30 {
            fs::write(&path, &whole[..whole.len() - cut]).expect("truncates");
            let error = read(&path).expect_err("damaged").to_string();
            assert!(error.contains("cell.hlog"), "{error}");
        }
        fs::write(&path, b"Tag=durable,0.000,1.000,2.0,!!!!\n").expect("writes");
        assert!(read(&path).is_err());
    }
}
