//! The generated protobuf types and gRPC services.
#![allow(missing_docs, unreachable_pub, clippy::all)]

pub use conclave::v1;

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
