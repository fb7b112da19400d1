//! Versions of the engines that are built in, from the lock file they were built with.

const LOCK: &str = include_str!("../../../Cargo.lock");

/// The locked version of `package`, or `unknown`.
pub fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != name).skip(1);
    lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"')).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_is_locked_once() {
        for engine in ["librocksdb-sys", "sled", "redb"] {
            let name = format!("name = \"{engine}\"");
            assert_eq!(LOCK.lines().filter(|line| *line == name).count(), 1, "{engine}");
            assert!(version(engine).starts_with(|first: char| first.is_ascii_digit()), "{engine}");
        }
        assert_eq!(version("no-such-package"), "unknown");
    }
}
