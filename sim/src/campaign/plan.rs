//! Which seeds, for how long, how many at a time.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Seeds of a campaign that was given neither a number nor a time.
const SEEDS_DEFAULT: u64 = 100;

/// What a campaign runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first seed; the others follow it.
    pub first_seed: u64,
    pub limit: Limit,
    /// Runs at a time.
    pub jobs: usize,
}

/// How long a campaign goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// This many seeds.
    Seeds(u64),
    /// As many as begin within this time.
    Time(Duration),
}

impl Plan {
    /// A plan as it is asked for; what is not said has a default.
    ///
    /// # Errors
    /// It would run nothing.
    pub(super) fn new(
        seeds: Option<u64>,
        time: Option<&str>,
        first_seed: Option<u64>,
        jobs: Option<usize>,
    ) -> Result<Self> {
        let limit = match time {
            Some(text) => Limit::Time(parse_span(text)?),
            None => Limit::Seeds(seeds.unwrap_or(SEEDS_DEFAULT)),
        };
        ensure!(limit != Limit::Seeds(0), "--seeds 0 runs nothing: give at least 1");
        ensure!(limit != Limit::Time(Duration::ZERO), "--time 0 runs nothing: give at least 1s");
        Ok(Self { first_seed: first_seed.unwrap_or_else(fresh_seed), limit, jobs: jobs_or_all(jobs)? })
    }

    /// The seed of the run that begins as this one, from 0.
    pub fn seed(&self, number: u64) -> u64 {
        self.first_seed.wrapping_add(number)
    }
}

impl Limit {
    /// Whether the run of this number, from 0, does not begin any more, after this time.
    pub(super) fn is_reached(self, number: u64, elapsed: Duration) -> bool {
        match self {
            Self::Seeds(seeds) => number >= seeds,
            Self::Time(time) => elapsed >= time,
        }
    }
}

/// So many runs at a time, or one for each core.
///
/// # Errors
/// None would run.
pub(super) fn jobs_or_all(jobs: Option<usize>) -> Result<usize> {
    ensure!(jobs != Some(0), "--jobs 0 runs nothing: give at least 1");
    Ok(jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)))
}

/// Seeds of campaigns are meant to differ from run to run, and to be short enough to be typed.
pub(super) fn fresh_seed() -> u64 {
    rand::random::<u32>().into()
}

pub(super) fn parse_span(text: &str) -> Result<Duration> {
    let form = || format!("--time {text}: a time is a number and a unit, as in 90s, 10m, 1h");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let count: u64 = digits.parse().ok().with_context(form)?;
    let unit_s: u64 = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => bail!(form()),
    };
    Ok(Duration::from_secs(count.checked_mul(unit_s).with_context(form)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(seeds: Option<u64>, time: Option<&str>, jobs: Option<usize>) -> String {
        let error = Plan::new(seeds, time, Some(1), jobs).expect_err("it runs nothing");
        assert_eq!(error.to_string().lines().count(), 1);
        error.to_string()
    }

    #[test]
    fn a_plan_that_runs_nothing_is_refused_in_one_line() {
        assert!(refused(Some(0), None, None).starts_with("--seeds 0 runs nothing"));
        assert!(refused(None, Some("0s"), None).starts_with("--time 0 runs nothing"));
        assert!(refused(None, None, Some(0)).starts_with("--jobs 0 runs nothing"));
        assert!(refused(None, Some("soon"), None).contains("as in 90s"));
        assert!(refused(None, Some("99999999999999999h"), None).contains("as in 90s"));
    }

    #[test]
    fn times_have_units() {
        let limit = |text| Plan::new(None, Some(text), Some(1), Some(1)).expect("a time").limit;
        assert_eq!(limit("90"), Limit::Time(Duration::from_secs(90)));
        assert_eq!(limit("10m"), Limit::Time(Duration::from_secs(600)));
        assert_eq!(limit("1h"), Limit::Time(Duration::from_secs(3600)));
    }
}
