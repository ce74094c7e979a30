//! The generated protobuf types and gRPC services.
#![allow(missing_docs, unreachable_pub, clippy::all)]

pub use conclave::v1;

pub use crate::rpc::health_pb as health;

pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

mod conclave {
    pub mod v1 {
        tonic::include_proto!("conclave.v1");
    }
}

/// Bytes of a message of any service, encoded; `None`: it is none.
#[cfg(madsim)]
mod sizes {
    use super::{etcdserverpb, health, v1};

    include!(concat!(env!("OUT_DIR"), "/encoded_len.rs"));
}

#[cfg(madsim)]
pub use sizes::encoded_len;
