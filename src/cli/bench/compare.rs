//! Two clusters in turns: machines that are shared are faster and slower from minute to minute, and what is measured at
//! another time cannot be compared.

use std::{fmt::Write, process::ExitCode};

use anyhow::Context;
use serde_json::{Value, json};

use super::{
    super::{
        connection::Connection,
        output::{print, tell},
    },
    args::Args,
    report::{Figure, Report},
    side::Side,
};

/// What the turns of one side found.
struct Turns {
    name: String,
    /// The figures of each turn, in the same order.
    figures: Vec<Vec<Figure>>,
    reports: Vec<Value>,
}

/// A figure of both sides.
#[derive(Debug, PartialEq)]
struct Compared {
    name: String,
    /// Medians. `None`: it was not measured in every turn.
    here: Option<f64>,
    there: Option<f64>,
}

/// Measures one side and the one to compare it with, in turns, and prints medians and ratios.
///
/// # Errors
/// The other side cannot be reached, or nothing succeeded in a turn of either.
pub(super) async fn compare(args: &Args, here: Side) -> anyhow::Result<ExitCode> {
    let connection = Connection { endpoints: args.compare.clone(), ..args.connection.clone() };
    let wanted = ("--compare-cpu-of", args.compare_cpu_of.as_slice());
    let there = Side::find(args, &connection, wanted).await.context("--compare")?;
    let sides = [here, there];
    for side in &sides {
        side.prepare(args).await?;
    }
    let mut found = sides.each_ref().map(|side| Turns::new(&side.name));
    for turn in 0..args.turns {
        for number in order(turn) {
            let side = &sides[number];
            let measured = side.measure(args).await?;
            measured.check().with_context(|| format!("turn {} at {}", turn + 1, side.name))?;
            let report = Report::new(args, &measured);
            found[number].add(&report);
            if !args.json {
                if turn == 0 && number == 0 {
                    tell(&format!("{}\n\n", report.headline()));
                }
                tell(&format!(
                    "turn {} of {}, {}: {}\n",
                    turn + 1,
                    args.turns,
                    side.name,
                    in_short(&report.figures())
                ));
            }
        }
    }
    let [here, there] = &found;
    print(&if args.json { json(here, there) } else { text(here, there) })
}

/// Which side is measured first may matter: it alternates.
fn order(turn: u32) -> [usize; 2] {
    match turn.is_multiple_of(2) {
        true => [0, 1],
        false => [1, 0],
    }
}

impl Turns {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), figures: Vec::new(), reports: Vec::new() }
    }

    fn add(&mut self, report: &Report<'_>) {
        self.figures.push(report.figures());
        self.reports.push(report.value());
    }

    fn median(&self, name: &str) -> Option<f64> {
        let in_turn = |figures: &Vec<Figure>| Some(figures.iter().find(|figure| figure.name == name)?.value);
        median(self.figures.iter().map(in_turn).collect::<Option<Vec<_>>>()?)
    }
}

impl Compared {
    fn all(here: &Turns, there: &Turns) -> Vec<Self> {
        let mut names: Vec<&str> = Vec::new();
        for figure in here.figures.iter().chain(&there.figures).flatten() {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        let compared =
            |name: &str| Self { name: name.to_owned(), here: here.median(name), there: there.median(name) };
        names.into_iter().map(compared).collect()
    }

    /// How much of the other side's this side's is.
    fn ratio(&self) -> Option<f64> {
        let there = self.there.filter(|&there| there != 0.0)?;
        Some(self.here? / there)
    }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    match values.len() % 2 {
        0 => Some((values[values.len() / 2 - 1] + upper) / 2.0),
        _ => Some(upper),
    }
}

/// A turn in a line.
fn in_short(figures: &[Figure]) -> String {
    let shown = figures.iter().filter(|figure| {
        ["operations/s", "failed"].contains(&figure.name.as_str())
            || ["p50 ms", "p99 ms", "p99.9 ms"].iter().any(|end| figure.name.ends_with(end))
            || figure.name.starts_with("processor")
    });
    shown.map(|figure| format!("{} {}", figure.name, number(figure.value))).collect::<Vec<_>>().join("  ")
}

fn text(here: &Turns, there: &Turns) -> String {
    let width = here.name.len().max(there.name.len()).max(10) + 2;
    let turns = here.figures.len();
    let mut text = format!(
        "\n{:<24}{:>width$}{:>width$}{:>8}\n",
        format!("medians of {turns} turns"),
        here.name,
        there.name,
        "ratio"
    );
    for compared in Compared::all(here, there) {
        let [one, other] =
            [compared.here, compared.there].map(|value| value.map_or_else(|| "-".to_owned(), number));
        let ratio = compared.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let _ = writeln!(text, "{:<24}{one:>width$}{other:>width$}{ratio:>8}", compared.name);
    }
    text
}

fn json(here: &Turns, there: &Turns) -> String {
    let side = |turns: &Turns| json!({ "endpoints": turns.name, "turns": turns.reports });
    let figure = |compared: &Compared| {
        let Compared { name, here, there } = compared;
        json!({ "figure": name, "median": here, "median_compared": there, "ratio": compared.ratio() })
    };
    let figures: Vec<_> = Compared::all(here, there).iter().map(figure).collect();
    format!("{:#}\n", json!({ "figures": figures, "side": side(here), "compared": side(there) }))
}

/// As many digits as mean anything.
fn number(value: f64) -> String {
    match value {
        value if value >= 1_000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(name: &str, turns: &[&[(&str, f64)]]) -> Turns {
        let of_turn = |figures: &&[(&str, f64)]| {
            figures.iter().map(|&(name, value)| Figure { name: name.to_owned(), value }).collect()
        };
        Turns { figures: turns.iter().map(of_turn).collect(), ..Turns::new(name) }
    }

    fn example() -> (Turns, Turns) {
        let here = turns(
            "a:1",
            &[
                &[("operations/s", 3_000.0), ("failed", 0.0), ("processor us/operation", 80.0)],
                &[("operations/s", 1_000.0), ("failed", 1.0), ("processor us/operation", 90.0)],
                &[("operations/s", 2_000.0), ("failed", 0.0), ("processor us/operation", 82.0)],
            ],
        );
        let once = [("operations/s", 500.0), ("failed", 0.0)];
        (here, turns("b:2", &[&once, &once, &once]))
    }

    #[test]
    fn medians_are_compared() {
        let (here, there) = example();
        let text = text(&here, &there);
        let rows: Vec<Vec<&str>> =
            text.lines().skip(2).map(|line| line.rsplitn(4, char::is_whitespace).collect()).collect();
        assert_eq!(rows.len(), 3, "{text}");
        for expected in ["medians of 3 turns", "a:1", "b:2"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).expect(name);
            line[24..].split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(line("operations/s"), ["2000", "500", "4.00"]);
        assert_eq!(line("failed"), ["0", "0", "-"], "no ratio of nothing");
        assert_eq!(line("processor us/operation"), ["82", "-", "-"]);
    }

    #[test]
    fn machines_read_the_same() {
        let (here, there) = example();
        let json: Value = serde_json::from_str(&json(&here, &there)).expect("it is JSON");
        assert_eq!(
            json["figures"][0],
            json!({ "figure": "operations/s", "median": 2000.0, "median_compared": 500.0, "ratio": 4.0 })
        );
        assert_eq!(json["compared"]["endpoints"], "b:2");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn both_sides_begin_by_turns() {
        assert_eq!([0, 1, 2].map(order), [[0, 1], [1, 0], [0, 1]]);
    }
}
