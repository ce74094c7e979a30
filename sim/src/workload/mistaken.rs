//! What an operator asks for by mistake, as a request.

use conclave::{
    client::{Client, ClientError},
    wire::pb::v1::{ChangeMembersRequest, MemberAddress, NewMember},
};

use crate::trace::Mistake;

/// A node that never was a member: no scenario has so many.
const STRANGER: u64 = 251;
/// Nobody is reached there.
const NOWHERE: [&str; 2] = ["10.9.9.9:7000", "10.9.9.8:7000"];

/// Asks for it once; `nodes` are those that it is about, where it is about some. Returns whether it was done.
pub(super) async fn ask(client: &Client, mistake: Mistake, nodes: &[u64]) -> Result<bool, ClientError> {
    if mistake == Mistake::TransferToStranger {
        return client.transfer(0, STRANGER).await.map(|answer| answer.done);
    }
    client.change_members(request(mistake, nodes)).await.map(|answer| answer.done)
}

fn request(mistake: Mistake, nodes: &[u64]) -> ChangeMembersRequest {
    let new = |id, place: usize| NewMember { id, address: NOWHERE[place].to_owned(), learner: false };
    let none = ChangeMembersRequest::default();
    match mistake {
        Mistake::AddWithoutNumber => ChangeMembersRequest { add: vec![new(0, 0)], ..none },
        Mistake::AddFounderElsewhere => ChangeMembersRequest { add: vec![new(1, 0)], ..none },
        Mistake::AddFormer => {
            let add = nodes.iter().map(|&id| new(id, 0)).collect();
            ChangeMembersRequest { add, ..none }
        }
        Mistake::AddTwoAtOneAddress => {
            ChangeMembersRequest { add: vec![new(STRANGER, 0), new(STRANGER + 1, 0)], ..none }
        }
        Mistake::AddTwice => ChangeMembersRequest { add: vec![new(STRANGER, 0), new(STRANGER, 1)], ..none },
        Mistake::MoveStranger => {
            let address = NOWHERE[0].to_owned();
            ChangeMembersRequest { move_to: vec![MemberAddress { id: STRANGER, address }], ..none }
        }
        Mistake::PromoteStranger => ChangeMembersRequest { promote: vec![STRANGER], ..none },
        Mistake::RemoveStranger => ChangeMembersRequest { remove: vec![STRANGER], ..none },
        Mistake::RemoveEverybody => ChangeMembersRequest { remove: nodes.to_vec(), ..none },
        Mistake::TransferToStranger => none,
    }
}
