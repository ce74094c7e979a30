//! Which seeds, for how long, how many at a time.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::shard::Shard;

/// Seeds of a campaign that was given neither a number nor a time.
const SEEDS_DEFAULT: u64 = 100;

/// What a campaign runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first seed of all shards; the others follow it.
    pub first_seed: u64,
    pub limit: Limit,
    /// Which of the seeds are run here.
    pub shard: Shard,
    /// Runs at a time.
    pub jobs: usize,
    /// Half of the time goes to variations of what reached something new.
    pub is_guided: bool,
}

/// How long a campaign goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// This many seeds, of all shards together.
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
        shard: Option<Shard>,
    ) -> Result<Self> {
        let limit = match time {
            Some(text) => Limit::Time(parse_span(text)?),
            None => Limit::Seeds(seeds.unwrap_or(SEEDS_DEFAULT)),
        };
        ensure!(limit != Limit::Seeds(0), "--seeds 0 runs nothing: give at least 1");
        ensure!(limit != Limit::Time(Duration::ZERO), "--time 0 runs nothing: give at least 1s");
        if let Some(shard) = shard {
            ensure!(first_seed.is_some(), "shard {shard} needs --seed: all shards count from the same one");
            ensure!(
                !limit.is_reached(shard.place, Duration::ZERO),
                "shard {shard} runs nothing: there are fewer seeds than shards"
            );
        }
        let (first_seed, shard) = (first_seed.unwrap_or_else(fresh_seed), shard.unwrap_or(Shard::WHOLE));
        Ok(Self { first_seed, limit, shard, jobs: jobs_or_all(jobs)?, is_guided: false })
    }

    /// The same, guided.
    ///
    /// # Errors
    /// It says which seeds are run, and these alone are.
    pub(super) fn guided(self) -> Result<Self> {
        let has_time = matches!(self.limit, Limit::Time(_));
        ensure!(has_time, "--guidance needs --time: of so many seeds each is run, and nothing else");
        Ok(Self { is_guided: true, ..self })
    }

    /// The seeds of so many runs, in words.
    pub(super) fn seeds_of(&self, runs: u64) -> String {
        let (first, last) = (self.seed(0), self.seed(runs.saturating_sub(1)));
        match self.shard {
            Shard::WHOLE => format!("{first} to {last}"),
            shard => format!("{first} to {last} in steps of {}: shard {shard}", shard.count),
        }
    }

    /// Whether the run of this number, from 0, does not begin any more, after this time.
    pub(super) fn is_over(&self, number: u64, elapsed: Duration) -> bool {
        self.limit.is_reached(self.shard.place_of(number), elapsed)
    }

    /// How many runs there will be at most.
    pub(super) fn length(&self) -> Limit {
        let Shard { place, count } = self.shard;
        match self.limit {
            Limit::Seeds(seeds) => Limit::Seeds((seeds - place).div_ceil(count)),
            limit => limit,
        }
    }

    /// The seed of the run that begins as this one, from 0.
    pub fn seed(&self, number: u64) -> u64 {
        self.first_seed.wrapping_add(self.shard.place_of(number))
    }
}

impl Limit {
    /// Whether the seed at this place, from 0, is not run any more, after this time.
    fn is_reached(self, place: u64, elapsed: Duration) -> bool {
        match self {
            Self::Seeds(seeds) => place >= seeds,
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
        let error = Plan::new(seeds, time, Some(1), jobs, None).expect_err("it runs nothing");
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
    fn shards_share_the_seeds_and_have_none_in_common() {
        for (seeds, count) in [(10, 1), (10, 3), (3, 3), (100, 7)] {
            let mut all = Vec::new();
            for place in 0..count {
                let shard = Some(Shard { place, count });
                let plan = Plan::new(Some(seeds), None, Some(50), Some(1), shard).expect("each has some");
                let numbers = (0..).take_while(|&number| !plan.is_over(number, Duration::ZERO));
                let own: Vec<u64> = numbers.map(|number| plan.seed(number)).collect();
                assert_eq!(plan.length(), Limit::Seeds(own.len() as u64));
                all.extend(own);
            }
            all.sort_unstable();
            assert_eq!(all, (50..50 + seeds).collect::<Vec<_>>(), "{seeds} seeds in {count} shards");
        }
    }

    #[test]
    fn a_shard_without_a_common_seed_or_without_any_is_refused() {
        let shard = Some(Shard { place: 4, count: 5 });
        let refused =
            |seeds, first| Plan::new(Some(seeds), None, first, Some(1), shard).expect_err("no").to_string();
        assert_eq!(refused(10, None), "shard 5/5 needs --seed: all shards count from the same one");
        assert_eq!(refused(4, Some(1)), "shard 5/5 runs nothing: there are fewer seeds than shards");
    }

    #[test]
    fn times_have_units() {
        let limit = |text| Plan::new(None, Some(text), Some(1), Some(1), None).expect("a time").limit;
        assert_eq!(limit("90"), Limit::Time(Duration::from_secs(90)));
        assert_eq!(limit("10m"), Limit::Time(Duration::from_secs(600)));
        assert_eq!(limit("1h"), Limit::Time(Duration::from_secs(3600)));
    }
}
