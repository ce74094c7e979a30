//! A history typed in, judged: `cargo run --example register --package linearizability`
//!
//! One operation a line: process, called, returned (`?`: unknown), what. A register of numbers, 0 at first.

use linearizability::{Evidence, Model, Operation, Verdict, check};

const HISTORY: &str = "\
    ada    0  9  write 1
    bob    1  2  read  1
    cleo   3  ?  write 2
    bob    3  4  read  0
";

struct Register;

#[derive(Debug, PartialEq)]
enum Call {
    Write(u32),
    Read,
}

impl Model for Register {
    type State = u32;
    type Call = Call;
    /// What a read returned; a write returns nothing.
    type Return = Option<u32>;

    fn initial() -> u32 {
        0
    }

    fn step(state: &u32, call: &Call, returned: Option<&Option<u32>>) -> Option<u32> {
        match (call, returned) {
            (Call::Write(value), _) => Some(*value),
            (Call::Read, Some(Some(read))) => (read == state).then_some(*state),
            (Call::Read, _) => Some(*state),
        }
    }
}

fn parse(line: &str) -> Operation<Call, Option<u32>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_process, called, returned, what, number] = words[..] else { panic!("five words: {line}") };
    let number = number.parse().expect("a number");
    let (call, answer) = match what {
        "write" => (Call::Write(number), None),
        _ => (Call::Read, Some(number)),
    };
    let returned = returned.parse().ok().map(|at| (at, answer));
    Operation { called: called.parse().expect("a time"), returned, call }
}

fn main() {
    let lines: Vec<&str> = HISTORY.lines().map(str::trim).collect();
    let operations: Vec<_> = lines.iter().map(|line| parse(line)).collect();
    match check::<Register>(&operations, 1_000_000) {
        Verdict::Linearizable => println!("linearizable"),
        Verdict::Exhausted(_) => println!("undecided"),
        Verdict::NotLinearizable(Evidence { explained, stuck, .. }) => {
            println!("not linearizable: the longest order is");
            explained.iter().for_each(|&position| println!("  {}", lines[position]));
            println!("and whichever of these comes next, it leads nowhere:");
            stuck.iter().for_each(|&position| println!("  {}", lines[position]));
        }
    }
}
