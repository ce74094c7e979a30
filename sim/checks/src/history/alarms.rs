//! While a member's alarm is raised that there is no space, nothing is put. No put is refused for that at any other time, and nothing else
//! ever: deletions and compactions are the way out.

use super::{Answer, Broken, Call, HistoryRule, Operation};

/// etcd's words for it.
const NO_SPACE: &str = "database space exceeded";

/// An alarm that somebody raised, and when it is over for sure.
struct Alarm<'a> {
    raised: &'a Operation,
    /// It was answered: the alarm was raised by then.
    raised_ns: Option<u64>,
    /// When the first was asked to end it that may have come after it.
    ending_ns: u64,
    /// When one was answered that surely did.
    ended_ns: u64,
}

impl<'a> Alarm<'a> {
    /// `asked` is all that may have been done about alarms.
    fn of(raised: &'a Operation, member: u64, asked: &[&Operation]) -> Self {
        let raised_ns = done_ns(raised);
        let ends = || asked.iter().filter(|other| other.call == Call::Alarm { member, raises: false });
        // One of unknown outcome may yet come.
        let may_end = ends().filter(|end| done_ns(end).is_none_or(|at| at > raised.called_ns));
        let surely_ends = ends().filter(|end| raised_ns.is_some_and(|at| end.called_ns > at));
        Self {
            raised,
            raised_ns,
            ending_ns: may_end.map(|end| end.called_ns).min().unwrap_or(u64::MAX),
            ended_ns: surely_ends.filter_map(|end| done_ns(end)).min().unwrap_or(u64::MAX),
        }
    }

    /// It may have been raised at some time between these.
    fn may_hold(&self, from_ns: u64, to_ns: u64) -> bool {
        self.raised.called_ns < to_ns && from_ns < self.ended_ns
    }

    /// It was raised all the time between these.
    fn holds(&self, from_ns: u64, to_ns: u64) -> bool {
        self.raised_ns.is_some_and(|at| at < from_ns) && to_ns < self.ending_ns
    }
}

/// When an alarm was raised or ended, as far as who asked for it knows.
fn done_ns(operation: &Operation) -> Option<u64> {
    operation.answer.as_ref().filter(|(_, answer)| *answer == Answer::Alarmed).map(|(at, _)| *at)
}

/// Checks every operation.
pub(super) fn are_true(operations: &[Operation]) -> Result<(), Broken> {
    let may_have_happened = |operation: &&Operation| {
        matches!(operation.call, Call::Alarm { .. })
            && !matches!(operation.answer, Some((_, Answer::DidNotHappen(_))))
    };
    let asked: Vec<&Operation> = operations.iter().filter(may_have_happened).collect();
    let raised = |operation: &&'_ Operation| match operation.call {
        Call::Alarm { member, raises: true } => Some(member),
        _ => None,
    };
    let alarms: Vec<Alarm<'_>> =
        asked.iter().filter_map(|operation| Some(Alarm::of(operation, raised(operation)?, &asked))).collect();
    for operation in operations {
        let (from_ns, Some((to_ns, answer))) = (operation.called_ns, &operation.answer) else { continue };
        let is_put = operation.call.puts().is_some();
        let is_done = matches!(answer, Answer::Put { .. } | Answer::Replaced { .. });
        let is_refused = matches!(answer, Answer::DidNotHappen(why) if why.contains(NO_SPACE));
        if let Some(alarm) = alarms.iter().find(|alarm| is_done && alarm.holds(from_ns, *to_ns)) {
            let detail = "it is put while there is no space";
            return Err(Broken::new(HistoryRule::AlarmsHold, detail, &[alarm.raised, operation]));
        }
        if is_refused && !is_put {
            let detail = "it is refused for lack of space, and needs none";
            return Err(Broken::new(HistoryRule::AlarmsHold, detail, &[operation]));
        }
        if is_refused && !alarms.iter().any(|alarm| alarm.may_hold(from_ns, *to_ns)) {
            let detail = "it is refused for lack of space, and no alarm says so";
            return Err(Broken::new(HistoryRule::AlarmsHold, detail, &[operation]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(called_ns: u64, call: Call, answer: Option<Answer>) -> Operation {
        Operation { client: 1, called_ns, call, answer: answer.map(|answer| (called_ns + 1, answer)) }
    }

    fn alarm(at: u64, member: u64, raises: bool) -> Operation {
        operation(at, Call::Alarm { member, raises }, Some(Answer::Alarmed))
    }

    fn put(at: u64) -> Operation {
        let call = Call::Put { key: "k".to_owned(), value: at.to_string() };
        operation(at, call, Some(Answer::Put { revision: at as i64 }))
    }

    fn refused(at: u64) -> Operation {
        let answer = Answer::DidNotHappen(format!("etcdserver: mvcc: {NO_SPACE}"));
        Operation { answer: Some((at + 1, answer)), ..put(at) }
    }

    fn of_unknown_outcome(alarm: Operation) -> Operation {
        Operation { answer: Some((alarm.called_ns + 1, Answer::Unknown("lost".to_owned()))), ..alarm }
    }

    fn rule(operations: &[Operation]) -> Option<HistoryRule> {
        are_true(operations).err().map(|failure| failure.rule)
    }

    #[test]
    fn what_an_alarm_forbids_is_refused_while_it_is_raised() {
        let (raised, ended) = (alarm(10, 1, true), alarm(20, 1, false));
        let of = |put: Operation| rule(&[raised.clone(), ended.clone(), put]);
        for lawful in [put(5), put(10), refused(10), refused(15), put(20), refused(20), put(25)] {
            assert_eq!(of(lawful.clone()), None, "{lawful:?}");
        }
        for unlawful in [put(15), refused(5), refused(25)] {
            assert_eq!(of(unlawful.clone()), Some(HistoryRule::AlarmsHold), "{unlawful:?}");
        }
    }

    #[test]
    fn what_makes_room_is_never_refused() {
        let refused = Operation { call: Call::Delete { key: "k".to_owned() }, ..refused(15) };
        assert_eq!(rule(&[alarm(10, 1, true), refused]), Some(HistoryRule::AlarmsHold));
    }

    #[test]
    fn each_member_has_an_alarm_of_its_own() {
        let of_others = [alarm(10, 1, true), alarm(12, 2, true), alarm(20, 1, false)];
        assert_eq!(rule(&[&of_others[..], &[refused(25)]].concat()), None);
        assert_eq!(rule(&[&of_others[..], &[put(25)]].concat()), Some(HistoryRule::AlarmsHold));
    }

    #[test]
    fn what_nobody_knows_forbids_nothing_and_explains_all() {
        let maybe = of_unknown_outcome(alarm(10, 1, true));
        let ended = alarm(20, 1, false);
        for lawful in [put(15), refused(15), put(25), refused(25)] {
            assert_eq!(rule(&[maybe.clone(), ended.clone(), lawful.clone()]), None, "{lawful:?}");
        }
        let raised = alarm(10, 1, true);
        let maybe_ended = of_unknown_outcome(ended);
        for lawful in [refused(25), put(25)] {
            assert_eq!(rule(&[raised.clone(), maybe_ended.clone(), lawful.clone()]), None, "{lawful:?}");
        }
        let again = alarm(30, 1, true);
        assert_eq!(rule(&[raised, maybe_ended, again, put(35)]), None, "it may end only now");
    }
}
