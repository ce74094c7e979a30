//! One of several machines that carry out a campaign together: each runs its share of the seeds.

use std::{fmt, str::FromStr};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// A share of the seeds: every `count`th, from the one at `place` on. The shares of all places are the whole campaign, and none has
/// a seed of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub place: u64,
    pub count: u64,
}

impl Shard {
    /// All of the seeds.
    pub(super) const WHOLE: Self = Self { place: 0, count: 1 };

    /// The place among all seeds of the run of this number, both from 0.
    pub(super) fn place_of(self, number: u64) -> u64 {
        number.wrapping_mul(self.count).wrapping_add(self.place)
    }

    /// The share that the environment says, if it says one: of an array job of AWS Batch, or of an indexed job of Kubernetes.
    ///
    /// # Errors
    /// What it says is no share.
    pub(super) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        const JOBS: [(&str, &str); 2] = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
            // Kubernetes does not tell a pod how many there are: the manifest does (deploy/kubernetes/campaign.yaml).
            ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
        ];
        for (index, size) in JOBS {
            let Some(place) = variable(index) else { continue };
            let count = variable(size).with_context(|| {
                format!("{index} is set, but not {size}: without it this machine would run what others run")
            })?;
            let number = |name: &str, text: &str| {
                text.parse::<u64>().with_context(|| format!("{name}={text} is no number"))
            };
            let (place, count) = (number(index, &place)?, number(size, &count)?);
            ensure!(place < count, "{index}={place} is not below {size}={count}");
            return Ok(Some(Self { place, count }));
        }
        Ok(None)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mistake = || format!("{text}: a shard is K/N, one of N shards, as in 1/10 to 10/10");
        let (number, count) = text.split_once('/').ok_or_else(mistake)?;
        let (number, count) = (number.parse().map_err(|_| mistake())?, count.parse().map_err(|_| mistake())?);
        match (1..=count).contains(&number) {
            true => Ok(Self { place: number - 1, count }),
            false => Err(mistake()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_mistakes_are_told() {
        for text in ["1/1", "1/10", "10/10"] {
            assert_eq!(text.parse::<Shard>().expect("a shard").to_string(), text);
        }
        for mistake in ["", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/3"] {
            assert!(mistake.parse::<Shard>().is_err_and(|told| told.contains("K/N")), "{mistake}");
        }
    }

    fn of(variables: &[(&str, &str)]) -> Result<Option<Shard>> {
        let found = |name: &str| variables.iter().find(|(named, _)| *named == name);
        Shard::of_environment(|name| found(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn batch_and_kubernetes_count_from_nought() {
        let third = Some(Shard { place: 2, count: 4 });
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "2"), ("AWS_BATCH_JOB_ARRAY_SIZE", "4")];
        let kubernetes = [("JOB_COMPLETION_INDEX", "2"), ("JOB_COMPLETIONS", "4")];
        assert_eq!(of(&batch).expect("a share"), third);
        assert_eq!(of(&kubernetes).expect("a share"), third);
        assert_eq!(of(&[("AWS_BATCH_JOB_ID", "x")]).expect("no array"), None);
    }

    #[test]
    fn an_environment_that_says_half_of_it_is_refused() {
        for variables in [
            &[("JOB_COMPLETION_INDEX", "2")][..],
            &[("JOB_COMPLETION_INDEX", "4"), ("JOB_COMPLETIONS", "4")],
            &[("JOB_COMPLETION_INDEX", "two"), ("JOB_COMPLETIONS", "4")],
        ] {
            let refused = of(variables).expect_err("no share").to_string();
            assert!(refused.contains("JOB_COMPLETION") && refused.lines().count() == 1, "{refused}");
        }
    }
}
