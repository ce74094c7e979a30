//! Rare states of the world: what faults, machines, operators and clients come to together.

use conclave_checks::probes;

probes! {
    /// A rare state of the world.
    OfWorld:
    "faults-overlap" FaultsOverlap "two faults of one family hold at the same time";
    "condition-held-twice" ConditionHeldTwice "two faults hold the very same condition";
    "fault-in-change" FaultInChange "a fault strikes while operators change the members";
    "aimed-at-nobody" AimedAtNobody "a fault aims at a role that nobody has";
    "moment-met" MomentMet "a fault strikes at the moment that it has waited for";
    "moment-missed" MomentMissed "a fault has waited for its moment in vain";
    "majority-down" MajorityDown "most nodes that were started are down";
    "all-down" AllDown "all nodes that were started are down";
    "leader-dies" LeaderDies "a node dies while it leads";
    "leader-loses-power" LeaderLosesPower "a node loses its power while it leads";
    "dies-while-starting" DiesWhileStarting "a node dies before it has read its disk";
    "up-after-power-loss" UpAfterPowerLoss "a node comes up that had lost its power";
    "deposed-while-paused" DeposedWhilePaused "a node that leads stands still, and another is elected meanwhile";
    "node-fails" NodeFails "a node ends by itself, for its disk is damaged";
    "client-dies-asking" ClientDiesAsking "a client dies before it is answered";
    "proxy-dies-asked" ProxyDiesAsked "a proxy dies while a client waits for it or for another";
    "outcome-unknown" OutcomeUnknown "a client is told that nobody knows whether its write happened";
    "operator-gives-up" OperatorGivesUp "an operator asks in vain, and lets it be";
}
