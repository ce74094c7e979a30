//! How a node keeps the state small: options with the names, meanings and defaults of etcd's.

use std::time::Duration;

use clap::ValueEnum as _;

use super::usage::UsageError;
use crate::node::{AutoCompaction, Upkeep};

/// What the past and the state may grow to.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct UpkeepArgs {
    /// What --auto-compaction-retention counts: time, or revisions
    #[arg(long, value_name = "MODE", default_value = "periodic")]
    auto_compaction_mode: Mode,
    /// How much of the past can be read: hours (1), another span (90m, 7d) or, in revision mode, so many revisions; 0 for
    /// all of it. Whoever leads goes by its own option: give it to every node
    #[arg(long, value_name = "N", default_value = "0")]
    auto_compaction_retention: String,
    /// Nothing is put once the state, its past included, has so many bytes, until an operator has made room and cleared
    /// the alarm ('conclave alarm --help'); 0 for 2 GiB, less than 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = 0, allow_negative_numbers = true)]
    quota_backend_bytes: i64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    Periodic,
    Revision,
}

impl UpkeepArgs {
    pub(super) fn upkeep(&self) -> Result<Upkeep, UsageError> {
        let defaults = Upkeep::default();
        Ok(Upkeep {
            auto_compaction: self.auto_compaction()?,
            quota_bytes: match self.quota_backend_bytes {
                0 => defaults.quota_bytes,
                bytes => u64::try_from(bytes).unwrap_or(u64::MAX),
            },
        })
    }

    /// The options as a node is told them: none that says nothing.
    ///
    /// # Errors
    /// A node would refuse them.
    pub(super) fn options(&self) -> Result<Vec<String>, UsageError> {
        let Upkeep { auto_compaction, quota_bytes } = self.upkeep()?;
        let mut options = Vec::new();
        if auto_compaction.is_some() {
            let mode = self.auto_compaction_mode.to_possible_value().expect("no mode is hidden");
            options.push(format!("--auto-compaction-mode={}", mode.get_name()));
            options.push(format!("--auto-compaction-retention={}", self.auto_compaction_retention));
        }
        if quota_bytes != Upkeep::default().quota_bytes {
            options.push(format!("--quota-backend-bytes={}", self.quota_backend_bytes));
        }
        Ok(options)
    }

    fn auto_compaction(&self) -> Result<Option<AutoCompaction>, UsageError> {
        let text = self.auto_compaction_retention.as_str();
        let wrong = |how: &str| UsageError(format!("--auto-compaction-retention {text}: {how}"));
        match self.auto_compaction_mode {
            Mode::Revision => {
                let revisions: i64 = text.parse().map_err(|_| wrong("in revision mode it is a number"))?;
                match revisions {
                    0 => Ok(None),
                    1.. => Ok(Some(AutoCompaction::Revisions(revisions))),
                    _ => Err(wrong("it must not be negative")),
                }
            }
            Mode::Periodic => {
                let age = parse_age(text)
                    .ok_or_else(|| wrong("write it as hours (1), or like 90m, 1h30m or 7d"))?;
                Ok((!age.is_zero()).then_some(AutoCompaction::Age(age)))
            }
        }
    }
}

/// A number of hours, or numbers with units, as etcd reads them.
pub(super) fn parse_age(text: &str) -> Option<Duration> {
    const HOUR_MS: u64 = 3_600_000;
    if let Ok(hours) = text.parse::<u64>() {
        return hours.checked_mul(HOUR_MS).map(Duration::from_millis);
    }
    let mut rest = text;
    let mut total_ms = 0u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => HOUR_MS,
            "d" => 24 * HOUR_MS,
            _ => return None,
        };
        total_ms = total_ms.checked_add(number.parse::<u64>().ok()?.checked_mul(unit_ms)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::options;

    fn parsed(line: &str) -> Result<UpkeepArgs, String> {
        options(line).map_err(|error| error.to_string())
    }

    fn upkeep(line: &str) -> Result<Upkeep, String> {
        parsed(line)?.upkeep().map_err(|error| error.to_string())
    }

    fn compaction(line: &str) -> Option<AutoCompaction> {
        upkeep(line).expect(line).auto_compaction
    }

    #[test]
    fn etcds_options_mean_what_they_mean_there() {
        assert_eq!(upkeep(""), Ok(Upkeep::default()));
        assert_eq!(compaction("--auto-compaction-retention 0"), None);
        let hours = |hours: u64| Some(AutoCompaction::Age(Duration::from_secs(hours * 3_600)));
        assert_eq!(compaction("--auto-compaction-retention 1"), hours(1));
        assert_eq!(compaction("--auto-compaction-mode periodic --auto-compaction-retention 2h"), hours(2));
        assert_eq!(compaction("--auto-compaction-retention 1d"), hours(24));
        let mixed = Some(AutoCompaction::Age(Duration::from_millis(5_400_500)));
        assert_eq!(compaction("--auto-compaction-retention 1h30m500ms"), mixed);
        let by_revision = compaction("--auto-compaction-mode revision --auto-compaction-retention 1000");
        assert_eq!(by_revision, Some(AutoCompaction::Revisions(1_000)));
        assert_eq!(compaction("--auto-compaction-mode revision"), None);
        assert_eq!(upkeep("--quota-backend-bytes 5000").map(|upkeep| upkeep.quota_bytes), Ok(5_000));
        assert_eq!(upkeep("--quota-backend-bytes 0").map(|upkeep| upkeep.quota_bytes), Ok(2 << 30));
        assert_eq!(upkeep("--quota-backend-bytes -1").map(|upkeep| upkeep.quota_bytes), Ok(u64::MAX));
    }

    #[test]
    fn what_is_passed_on_means_the_same() {
        let options = |line: &str| parsed(line).expect(line).options().map_err(|error| error.to_string());
        assert_eq!(options(""), Ok(Vec::new()));
        for line in [
            "--auto-compaction-mode revision --auto-compaction-retention 1000",
            "--auto-compaction-retention 1h30m --quota-backend-bytes 5000",
            "--quota-backend-bytes -1",
        ] {
            let passed_on = options(line).expect(line).join(" ");
            assert!(!passed_on.is_empty(), "{line}");
            assert_eq!(upkeep(&passed_on), upkeep(line), "{passed_on}");
        }
        assert!(options("--auto-compaction-retention 1x").is_err());
    }

    #[test]
    fn nonsense_is_explained() {
        for line in ["1x", "h", "1h3", "99999999999999999999", "-1"] {
            let error = upkeep(&format!("--auto-compaction-retention={line}")).expect_err(line);
            assert!(error.contains("write it as hours"), "{error}");
        }
        for number in ["1h", "-5"] {
            let line = format!("--auto-compaction-mode revision --auto-compaction-retention={number}");
            assert!(upkeep(&line).is_err(), "{number}");
        }
    }
}
